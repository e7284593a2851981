from dlt.schema.naming import NamingConvention as NamingConvention
