"""Names for types, and constants, that annotations of scripts written for dlt 1.31 use."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import (  # noqa: UP035 - Dict and List are public names
    TYPE_CHECKING,
    Any,
    Dict,
    List,
    Literal,
    NamedTuple,
    Optional,
    TypeAlias,
    TypedDict,
    TypeVar,
    Union,
)

from dlt.config.names import TCredentials, TSecretStrValue, TSecretValue
from dlt.items import Wei
from dlt.schema.model import DATA_TYPES, ID, LOAD_ID, LOADS, STATE, VERSION, DataType, WriteDisposition

if TYPE_CHECKING:
    from dlt.pipeline.pipeline import Pipeline as SupportsPipeline

TFun = TypeVar("TFun", bound=Callable[..., Any])
TAny = TypeVar("TAny")
AnyType: TypeAlias = Any
AnyFun: TypeAlias = Callable[..., Any]
NoneType: TypeAlias = None
StrAny: TypeAlias = Mapping[str, Any]
StrStr: TypeAlias = Mapping[str, str]
StrStrStr: TypeAlias = Mapping[str, Mapping[str, str]]
DictStrAny: TypeAlias = dict[str, Any]
DictStrStr: TypeAlias = dict[str, str]
DictStrOptionalStr: TypeAlias = dict[str, str | None]
TDataItem: TypeAlias = Any
TDataItems: TypeAlias = Any
TDataRecord: TypeAlias = dict[str, Any]
TAnyDateTime: TypeAlias = dt.datetime | dt.date | str | float | int
TimedeltaSeconds: TypeAlias = int | float | dt.timedelta
TTableHintTemplate: TypeAlias = Any
TDynHintType = TypeVar("TDynHintType")
REPattern: TypeAlias = re.Pattern[str]
PathLike: TypeAlias = os.PathLike[str]
StrOrBytesPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
StrPath: TypeAlias = str | os.PathLike[str]
TSortOrder: TypeAlias = Literal["asc", "desc"]
TLoaderFileFormat: TypeAlias = str
TDataItemFormat: TypeAlias = Literal["arrow", "object", "file", "model"]
ConfigValue: TypeAlias = Any
TSourceState: TypeAlias = dict[str, Any]
TPipelineState: TypeAlias = dict[str, Any]
TPipelineStep: TypeAlias = Literal["run", "sync", "extract", "normalize", "load"]
TRefreshMode: TypeAlias = Literal["drop_sources", "drop_resources", "drop_data"]


class TTimeInterval(NamedTuple):
    """An interval of time, its end not included."""

    start: dt.datetime
    end: dt.datetime


EVM_DECIMAL_PRECISION = 69

# ---- schemas

TDataType: TypeAlias = DataType
TWriteDisposition: TypeAlias = WriteDisposition
TWriteDispositionConfig: TypeAlias = WriteDisposition | Mapping[str, Any]
TTableFormat: TypeAlias = Literal["iceberg", "delta", "hive", "native"]
TFileFormat: TypeAlias = str
TLoaderReplaceStrategy: TypeAlias = Literal["truncate-and-insert", "insert-from-staging", "staging-optimized"]
TLoaderMergeStrategy: TypeAlias = Literal["delete-insert", "scd2", "upsert", "insert-only", "cdc"]
TSchemaEvolutionMode: TypeAlias = Literal["evolve", "discard_value", "freeze", "discard_row"]
TTypeDetections: TypeAlias = str
TTypeDetectionFunc: TypeAlias = Callable[[Any, Any], Any]
TSimpleRegex: TypeAlias = str
TColumnName: TypeAlias = str
TColumnNames: TypeAlias = str | Sequence[str]
TColumnHint: TypeAlias = str


class TColumnType(TypedDict, total=False):
    """The type of a column."""

    data_type: TDataType | None
    precision: int | None
    scale: int | None
    timezone: bool | None


class TColumnSchema(TColumnType, total=False):
    """A column."""

    name: str | None
    description: str | None
    nullable: bool | None
    primary_key: bool | None
    merge_key: bool | None
    unique: bool | None
    sort: bool | None
    partition: bool | None
    cluster: bool | None
    row_key: bool | None
    parent_key: bool | None
    root_key: bool | None
    hard_delete: bool | None
    dedup_sort: TSortOrder | None
    incremental: bool | None
    variant: bool | None


TTableSchemaColumns: TypeAlias = dict[str, TColumnSchema]
TAnySchemaColumns: TypeAlias = Mapping[str, TColumnSchema] | Sequence[TColumnSchema]


class TTableReference(TypedDict, total=False):
    """A reference from one table to another."""

    label: str | None
    cardinality: str | None
    table: str
    columns: Sequence[str]
    referenced_table: str
    referenced_columns: Sequence[str]


TTableReferenceParam: TypeAlias = Sequence[TTableReference]


class TSchemaContractDict(TypedDict, total=False):
    """A schema contract for each of tables, columns and types."""

    tables: TSchemaEvolutionMode | None
    columns: TSchemaEvolutionMode | None
    data_type: TSchemaEvolutionMode | None


TSchemaContract: TypeAlias = TSchemaEvolutionMode | TSchemaContractDict


class TTableSchema(TypedDict, total=False):
    """A table."""

    name: str | None
    description: str | None
    columns: TTableSchemaColumns
    write_disposition: TWriteDisposition | None
    references: TTableReferenceParam | None
    schema_contract: TSchemaContract | None
    table_sealed: bool | None
    parent: str | None
    filters: dict[str, Any] | None
    resource: str | None
    table_format: TTableFormat | None
    file_format: TFileFormat | None


TPartialTableSchema: TypeAlias = TTableSchema
TSchemaTables: TypeAlias = dict[str, TTableSchema]
TSchemaUpdate: TypeAlias = dict[str, list[TTableSchema]]


class TStoredSchema(TypedDict, total=False):
    """A schema as it is stored."""

    version: int
    version_hash: str
    previous_hashes: list[str]
    imported_version_hash: str | None
    engine_version: int
    name: str
    description: str | None
    settings: dict[str, Any]
    tables: TSchemaTables
    normalizers: dict[str, Any]


class DltConfig(TypedDict, total=False):
    """What a pydantic model says of itself in the class variable `dlt_config`."""

    skip_nested_types: bool
    skip_complex_types: bool
    return_validated_models: bool
    is_authoritative_model: bool


DLT_NAME_PREFIX = "_dlt"
VERSION_TABLE_NAME, LOADS_TABLE_NAME, PIPELINE_STATE_TABLE_NAME = VERSION, LOADS, STATE
SIMPLE_REGEX_PREFIX = "re:"
C_DLT_ID, C_DLT_LOAD_ID, C_DLT_LOADS_TABLE_LOAD_ID = ID, LOAD_ID, "load_id"


class DltDeprecationWarning(DeprecationWarning):
    """Something that goes away."""


class Dlt04DeprecationWarning(DltDeprecationWarning):
    """Something that is old since 0.4."""


class Dlt100DeprecationWarning(DltDeprecationWarning):
    """Something that is old since 1.0."""


__all__ = [
    "C_DLT_ID",
    "C_DLT_LOADS_TABLE_LOAD_ID",
    "C_DLT_LOAD_ID",
    "DATA_TYPES",
    "DLT_NAME_PREFIX",
    "EVM_DECIMAL_PRECISION",
    "LOADS_TABLE_NAME",
    "PIPELINE_STATE_TABLE_NAME",
    "SIMPLE_REGEX_PREFIX",
    "VERSION_TABLE_NAME",
    "Any",
    "AnyFun",
    "AnyType",
    "Callable",
    "ConfigValue",
    "Dict",
    "DictStrAny",
    "DictStrOptionalStr",
    "DictStrStr",
    "Dlt04DeprecationWarning",
    "Dlt100DeprecationWarning",
    "DltConfig",
    "DltDeprecationWarning",
    "List",
    "Literal",
    "Mapping",
    "NamedTuple",
    "NoneType",
    "Optional",
    "PathLike",
    "REPattern",
    "Sequence",
    "StrAny",
    "StrOrBytesPath",
    "StrPath",
    "StrStr",
    "StrStrStr",
    "SupportsPipeline",
    "TAny",
    "TAnyDateTime",
    "TAnySchemaColumns",
    "TColumnHint",
    "TColumnName",
    "TColumnNames",
    "TColumnSchema",
    "TColumnType",
    "TCredentials",
    "TDataItem",
    "TDataItemFormat",
    "TDataItems",
    "TDataRecord",
    "TDataType",
    "TDynHintType",
    "TFileFormat",
    "TFun",
    "TLoaderFileFormat",
    "TLoaderMergeStrategy",
    "TLoaderReplaceStrategy",
    "TPartialTableSchema",
    "TPipelineState",
    "TPipelineStep",
    "TRefreshMode",
    "TSchemaContract",
    "TSchemaContractDict",
    "TSchemaEvolutionMode",
    "TSchemaTables",
    "TSchemaUpdate",
    "TSecretStrValue",
    "TSecretValue",
    "TSimpleRegex",
    "TSortOrder",
    "TSourceState",
    "TStoredSchema",
    "TTableFormat",
    "TTableHintTemplate",
    "TTableReference",
    "TTableReferenceParam",
    "TTableSchema",
    "TTableSchemaColumns",
    "TTimeInterval",
    "TTypeDetectionFunc",
    "TTypeDetections",
    "TWriteDisposition",
    "TWriteDispositionConfig",
    "TimedeltaSeconds",
    "TypeAlias",
    "TypeVar",
    "TypedDict",
    "Union",
    "Wei",
]


def __getattr__(name: str) -> Any:
    if name == "SupportsPipeline":
        from dlt.pipeline.pipeline import Pipeline

        return Pipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
