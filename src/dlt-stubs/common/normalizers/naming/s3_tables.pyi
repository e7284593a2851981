from dlt.schema.naming import S3Tables as _S3Tables
NamingConvention = _S3Tables
