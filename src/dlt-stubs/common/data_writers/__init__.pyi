from dlt.compat.aliases import TDataItemFormat as TDataItemFormat
