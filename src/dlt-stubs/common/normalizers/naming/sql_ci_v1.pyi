from dlt.schema.naming import SqlCi as _SqlCi
NamingConvention = _SqlCi
