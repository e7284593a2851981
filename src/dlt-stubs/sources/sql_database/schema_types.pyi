from dlt.sources.sql_database.reflect import ReflectionLevel as ReflectionLevel
from dlt.sources.sql_database.reflect import TypeAdapter as _TypeAdapter
from dlt.sources.sql_database.reflect import default_table_adapter as default_table_adapter
from dlt.sources.sql_database.reflect import get_primary_key as get_primary_key
from dlt.sources.sql_database.reflect import get_table_references as get_table_references
from dlt.sources.sql_database.reflect import sqla_col_to_column_schema as sqla_col_to_column_schema
from dlt.sources.sql_database.reflect import table_to_columns as table_to_columns
from dlt.sources.sql_database.reflect import table_to_resource_hints as table_to_resource_hints
from sqlalchemy import Column as Column
from sqlalchemy import Column as _Column
from sqlalchemy import Row as Row
from sqlalchemy import Select as Select
from sqlalchemy import Select as _Select
from sqlalchemy import Table as Table
ColumnAny = _Column
SelectAny = _Select
TTypeAdapter = _TypeAdapter
