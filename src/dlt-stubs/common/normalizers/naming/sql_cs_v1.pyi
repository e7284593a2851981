from dlt.schema.naming import SqlCs as _SqlCs
NamingConvention = _SqlCs
