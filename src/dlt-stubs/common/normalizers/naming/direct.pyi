from dlt.schema.naming import Direct as _Direct
NamingConvention = _Direct
