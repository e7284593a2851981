from dlt.compat.contexts import DOT_DLT as DOT_DLT
from dlt.compat.contexts import RunContext as RunContext
from dlt.compat.contexts import run_context as _run_context
active = _run_context
