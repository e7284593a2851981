from dlt.config.inject import get_fun_spec as get_fun_spec
from dlt.config.inject import get_orig_args as get_orig_args
from dlt.config.inject import last_config as last_config
from dlt.config.inject import with_config as with_config
