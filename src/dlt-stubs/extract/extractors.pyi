from dlt.extract.marks import MaterializedEmptyList as MaterializedEmptyList
from dlt.extract.marks import with_file_import as with_file_import
