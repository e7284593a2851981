from dlt.errors import CannotRestorePipeline as _CannotRestorePipeline
from dlt.errors import ConfigError as _ConfigError
from dlt.errors import DltError as _DltError
from dlt.errors import FatalError as _FatalError
from dlt.errors import InvalidPipelineName as InvalidPipelineName
from dlt.errors import PackageError as _PackageError
from dlt.errors import ResourceError as _ResourceError
from dlt.errors import StepFailed as _StepFailed
CannotRestorePipelineException = _CannotRestorePipeline
PipelineConfigMissing = _ConfigError
PipelineException = _DltError
PipelineHasPendingDataException = _PackageError
PipelineNeverRan = _CannotRestorePipeline
PipelineNotActive = _ResourceError
PipelineStateEngineNoUpgradePathException = _FatalError
PipelineStateNotAvailable = _ResourceError
PipelineStepFailed = _StepFailed
