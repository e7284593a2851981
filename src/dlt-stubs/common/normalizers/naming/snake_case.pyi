from dlt.schema.naming import SnakeCase as _SnakeCase
NamingConvention = _SnakeCase
