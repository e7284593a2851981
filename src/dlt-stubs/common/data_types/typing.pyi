from dlt.compat.aliases import DATA_TYPES as DATA_TYPES
from dlt.compat.aliases import TDataType as TDataType
