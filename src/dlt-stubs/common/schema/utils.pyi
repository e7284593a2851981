from dlt.compat.columns import merge_column as merge_column
from dlt.compat.columns import new_column as new_column
from dlt.compat.columns import new_table as new_table
