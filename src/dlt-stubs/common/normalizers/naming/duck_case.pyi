from dlt.schema.naming import DuckCase as _DuckCase
NamingConvention = _DuckCase
