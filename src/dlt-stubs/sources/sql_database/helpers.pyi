from dlt.sources.sql_database import engine_from_credentials as engine_from_credentials
from dlt.sources.sql_database import remove_nullability_adapter as remove_nullability_adapter
from dlt.sources.sql_database import unwrap_json_connector_x as unwrap_json_connector_x
from dlt.sources.sql_database.load import BaseTableLoader as BaseTableLoader
from dlt.sources.sql_database.load import ConnectorXTableLoader as ConnectorXTableLoader
from dlt.sources.sql_database.load import TABLE_LOADER_REGISTRY as TABLE_LOADER_REGISTRY
from dlt.sources.sql_database.load import TableBackend as TableBackend
from dlt.sources.sql_database.load import TableLoader as TableLoader
from dlt.sources.sql_database.load import get_table_loader_class as get_table_loader_class
from dlt.sources.sql_database.load import register_table_loader_backend as register_table_loader_backend
from dlt.sources.sql_database.query import QueryAdapter as _QueryAdapter
from dlt.sources.sql_database.reflect import ReflectionLevel as ReflectionLevel
from dlt.sources.sql_database.reflect import TableAdapter as _TableAdapter
from dlt.sources.sql_database.reflect import TypeAdapter as _TypeAdapter
from dlt.sources.sql_database.reflect import default_engine_adapter_callback as default_engine_adapter_callback
from dlt.sources.sql_database.reflect import default_table_adapter as default_table_adapter
from dlt.sources.sql_database.reflect import table_to_resource_hints as table_to_resource_hints
from sqlalchemy import Engine as Engine
from sqlalchemy import MetaData as MetaData
from sqlalchemy import Select as _Select
from sqlalchemy import Table as Table
from sqlalchemy import TextClause as TextClause
SelectAny = _Select
SelectClause = _Select
TQueryAdapter = _QueryAdapter
TTableAdapter = _TableAdapter
TTypeAdapter = _TypeAdapter
