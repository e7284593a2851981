from dlt.compat import signals as signals
from dlt.pipeline import progress as _progress
from dlt.pipeline import slack as slack
collector = _progress
