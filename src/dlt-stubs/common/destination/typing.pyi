from dlt.compat.aliases import TTableSchema as _TTableSchema
PreparedTableSchema = _TTableSchema
