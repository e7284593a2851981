from dlt.compat.aliases import TDataItem as TDataItem
from dlt.compat.aliases import TDataItems as TDataItems
from dlt.extract.marks import DataItemWithMeta as DataItemWithMeta
from dlt.extract.marks import TableNameMeta as TableNameMeta
