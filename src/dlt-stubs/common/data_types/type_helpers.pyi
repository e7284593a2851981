from dlt.compat.types import coerce_value as coerce_value
from dlt.compat.types import py_type_to_sc_type as py_type_to_sc_type
