"""BEHAVIOUR 1.2-1.5: signatures, arguments of the factories, accessors and names of the public packages."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dlt
from dlt.errors import CannotRestorePipeline, ConfigError, NotBuilt, SchemaError

# ---- 1.2 signatures: name=default, * before keywords only, / behind positions only

HINTS = (
    "name=None table_name=None max_table_nesting=None write_disposition=None columns=None primary_key=None merge_key=None "
    "schema_contract=None table_format=None file_format=None references=None nested_hints=None selected=True spec=None "
)
MADE_HINTS = (
    "table_name=None parent_table_name=None write_disposition=None columns=None primary_key=None merge_key=None "
    "schema_contract=None table_format=None file_format=None additional_table_hints=None references=None "
    "incremental=None nested_hints=None"
)
SIGNATURES: dict[str, str] = {
    "source": "func=None / name=None section=None max_table_nesting=None root_key=None schema=None schema_contract=None "
    "spec=None parallelized=False _impl_cls=DltSource",
    "resource": f"data=None / {HINTS}parallelized=False incremental=None _impl_cls=DltResource section=None "
    "_base_spec=None standalone=None data_from=None",
    "transformer": f"f=None / data_from=<Empty> {HINTS}parallelized=False section=None standalone=None "
    "_impl_cls=DltResource",
    "defer": "f",
    "destination": "func_or_name=None / * loader_file_format=None batch_size=10 name=None naming_convention='direct' "
    "skip_dlt_columns_and_tables=True max_table_nesting=0 spec=None max_parallel_load_jobs=None "
    "loader_parallelism_strategy=None **kwargs",
    "pipeline": "pipeline_name=None pipelines_dir=None pipeline_salt=None destination=None staging=None "
    "dataset_name=None import_schema_path=None export_schema_path=None full_refresh=None dev_mode=None refresh=None "
    "progress=None _impl_cls=None _keep=False **config",
    "attach": "pipeline_name=None pipelines_dir=None pipeline_salt=None destination=None staging=None progress=None "
    "dataset_name=None **config",
    "run": "data * destination=None staging=None dataset_name=None table_name=None write_disposition=None columns=None "
    "schema=None loader_file_format=None table_format=None schema_contract=None refresh=None tables=None",
    "mark.with_table_name": "item table_name",
    "mark.with_hints": "item hints=None create_table_variant=False",
    "mark.with_file_import": "file_path file_format items_count=0 hints=None",
    "mark.make_hints": MADE_HINTS,
    "mark.make_nested_hints": "**hints",
    "mark.materialize_table_schema": "",
    "progress.tqdm": "single_bar=False **options",
    "progress.log": "log_period=1.0 logger='stdout' log_level=20 dump_system_stats=True",
    "progress.enlighten": "single_bar=False **options",
    "progress.alive_progress": "single_bar=True **options",
    "current.resource_state": "resource_name=None source_state_=None",
    "current.interval.set": "interval",
    "current.interval.update": "* start=None end=None",
    "current.interval.apply_lag": "trigger count=1 lag_end=False",
    "current.interval.apply_full_days": "",
    "sources.incremental": "cursor_path=None initial_value=None last_value_func=<built-in function max> primary_key=None "
    "end_value=None row_order=None allow_external_schedulers=None on_cursor_value_missing='raise' lag=None "
    "range_start='closed' range_end='open'",
    "config.get": "field expected_type=None",
    "config.register_provider": "provider",
    "Pipeline.run": "data=None * destination=None staging=None dataset_name=None credentials=None table_name=None "
    "write_disposition=None columns=None primary_key=None schema=None loader_file_format=None table_format=None "
    "schema_contract=None refresh=None tables=None",
    "Pipeline.extract": "data * table_name=None parent_table_name=None write_disposition=None columns=None "
    "primary_key=None schema=None max_parallel_items=None workers=None table_format=None schema_contract=None "
    "refresh=None loader_file_format=None tables=None",
    "Pipeline.normalize": "workers=1",
    "Pipeline.load": "destination=None dataset_name=None credentials=None * workers=20 raise_on_failed_jobs=True",
}


def thing(path: str) -> Any:
    found: Any = dlt
    for part in path.split("."):
        found = getattr(found, part)
    return found


def written(signature: inspect.Signature) -> str:
    """The signature in the way of the table."""
    words: list[str] = []
    parameters = [one for one in signature.parameters.values() if one.name != "self"]
    for number, one in enumerate(parameters):
        before = parameters[number - 1].kind if number else None
        if one.kind != before and before is inspect.Parameter.POSITIONAL_ONLY:
            words.append("/")
        if one.kind is inspect.Parameter.KEYWORD_ONLY and before is not one.kind:
            words.append("*")
        stars = "**" if one.kind is inspect.Parameter.VAR_KEYWORD else ""
        value = one.default
        shown = value.__name__ if isinstance(value, type) else repr(value)
        words.append(stars + one.name + ("" if value is inspect.Parameter.empty else f"={shown}"))
    return " ".join(words)


@pytest.mark.parametrize("name", SIGNATURES)
def test_section_1_2_signatures(name: str) -> None:
    assert written(inspect.signature(thing(name))) == SIGNATURES[name]


# ---- 1.2 hints may be functions of the item

DYNAMIC: dict[str, tuple[Any, Any, Any]] = {  # what the function returns, the key in the table, the value there
    "write_disposition": ("replace", "write_disposition", "replace"),
    "columns": ({"a": {"data_type": "text"}}, "columns", {"a": {"name": "a", "data_type": "text"}}),
    "primary_key": ("a", "columns", {"a": {"name": "a", "nullable": False, "primary_key": True}}),
    "merge_key": ("a", "columns", {"a": {"name": "a", "nullable": False, "merge_key": True}}),
    "schema_contract": ("freeze", "schema_contract", "freeze"),
    "table_format": ("iceberg", "table_format", "iceberg"),
    "file_format": ("parquet", "file_format", "parquet"),
    "references": (
        [{"referenced_table": "o", "columns": ["a"], "referenced_columns": ["b"]}],
        "references",
        [{"referenced_table": "o", "columns": ["a"], "referenced_columns": ["b"]}],
    ),
}


@pytest.mark.parametrize("make", [dlt.resource, dlt.transformer], ids=["resource", "transformer"])
@pytest.mark.parametrize("name", DYNAMIC)
def test_section_1_2_hints_of_the_item(name: str, make: Any) -> None:
    value, key, expected = DYNAMIC[name]
    made = make(lambda item: item, name="r", table_name=lambda item: item["t"], **{name: lambda item: value})

    schema = made.compute_table_schema({"t": "x"})

    assert (schema["name"], schema[key]) == ("x", expected)
    with pytest.raises(SchemaError, match="table_name"):
        make(lambda item: item, name="r", **{name: lambda item: value})


# ---- 1.2 pipelines


def test_section_1_2_the_active_pipeline() -> None:
    assert dlt.pipeline().pipeline_name.startswith("dlt_")
    made = dlt.pipeline("made")

    assert dlt.pipeline() is made
    assert dlt.current.pipeline() is made
    assert dlt.pipeline("other") is dlt.pipeline()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("destination_type", "memory"),
        ("destination_name", "mine"),
        ("dataset_name_layout", "x_%s"),
        ("restore_from_destination", False),
        ("enable_runtime_trace", False),
        ("use_single_dataset", True),
    ],
)
def test_section_1_2_fields_of_the_configuration_are_arguments(name: str, value: Any) -> None:
    given: dict[str, Any] = {"destination_type": "duckdb"} if name == "destination_name" else {}
    made = dlt.pipeline("made", **given, **{name: value})

    assert {
        "destination_type": "destination='memory'" in repr(made),
        "destination_name": "destination='mine'" in repr(made),
        "dataset_name_layout": made.dataset_name == "x_made_dataset",
        "restore_from_destination": not made.settings.restore_from_destination,
        "enable_runtime_trace": not made.settings.enable_runtime_trace,
        "use_single_dataset": True,
    }[name]


def test_section_1_2_other_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="Did you mean 'dataset_name'"):
        dlt.pipeline("made", dataset_nam="x")
    with pytest.raises(NotBuilt, match="A data set for each schema"):
        dlt.pipeline("made", use_single_dataset=False)
    with pytest.raises(NotBuilt, match="A data set for each schema"):
        dlt.attach("made", use_single_dataset=False)


def test_section_1_2_full_refresh_is_the_old_name_of_dev_mode() -> None:
    with pytest.warns(DeprecationWarning, match="dev_mode"):
        assert dlt.pipeline("made", full_refresh=True).dev_mode


def test_section_1_2_run_takes_the_active_pipeline() -> None:
    made = dlt.pipeline("made", destination="memory", dataset_name="data")

    info = dlt.run([{"a": 1}], table_name="t", write_disposition="replace")

    assert info is not None
    assert (info.pipeline.pipeline_name, info.dataset_name) == ("made", "data")
    assert made.default_schema.get_table("t")["write_disposition"] == "replace"
    assert dlt.run(None) is None


def test_section_1_2_attach_leaves_nothing_of_what_it_does_not_find(own_folder: Path) -> None:
    with pytest.raises(CannotRestorePipeline):
        dlt.attach("nowhere")

    assert not list(own_folder.rglob("nowhere"))


# ---- 1.2 destinations


def sink(items: Any, table: Any) -> None:
    """Takes everything."""


DESTINATIONS: dict[str, tuple[Callable[[], Any], str, str]] = {  # name and type
    "by name": (lambda: dlt.destination("duckdb"), "duckdb", "duckdb"),
    "named": (lambda: dlt.destination("mine", destination_type="duckdb"), "mine", "duckdb"),
    "function": (lambda: dlt.destination(sink)(), "sink", "destination"),
    "function with a name": (lambda: dlt.destination(name="mine")(sink)(), "mine", "destination"),
    "function by keyword": (lambda: dlt.destination("mine", destination_callable=sink), "mine", "destination"),
    "function and options": (
        lambda: dlt.destination("mine", destination_callable=sink, batch_size=1),
        "mine",
        "destination",
    ),
}


@pytest.mark.parametrize("name", DESTINATIONS)
def test_section_1_2_destinations(name: str) -> None:
    make, own, kind = DESTINATIONS[name]

    made = make()

    assert (made.destination_name, made.destination_type.rpartition(".")[2]) == (own, kind)


def test_section_1_2_type_of_a_named_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__MINE__DESTINATION_TYPE", "duckdb")

    assert dlt.destination("mine").destination_type.rpartition(".")[2] == "duckdb"


def test_section_1_2_defer_below_transformer() -> None:
    @dlt.transformer
    @dlt.defer
    def doubled(item: int) -> int:
        return item * 2

    assert sorted([1, 2, 3] | doubled) == [2, 4, 6]
    assert dlt.defer(lambda number: number + 1)(2)() == 3


# ---- 1.3

CURRENT = (
    "destination_state interval load_package_state pipe pipeline resource resource_metrics resource_name resource_state "
    "run_context source source_schema source_state state timezone workspace"
)


def test_section_1_3_accessors() -> None:
    assert set(CURRENT.split()) <= set(dlt.current.__all__)
    assert [name for name in CURRENT.split() if not callable(getattr(dlt.current, name))] == []


# ---- 1.4

MADE: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "nothing": (dlt.mark.make_hints, {}),
    "names": (
        lambda: dlt.mark.make_hints("t", "p", "merge", primary_key="a", merge_key=["b"]),
        {
            "table_name": "t",
            "parent_table_name": "p",
            "write_disposition": "merge",
            "primary_key": "a",
            "merge_key": ["b"],
        },
    ),
    "columns in a list": (
        lambda: dlt.mark.make_hints(columns=[{"name": "a", "data_type": "text"}]),
        {"columns": {"a": {"name": "a", "data_type": "text"}}},
    ),
    "formats": (
        lambda: dlt.mark.make_hints(schema_contract="freeze", table_format="delta", file_format="csv"),
        {"schema_contract": "freeze", "table_format": "delta", "file_format": "csv"},
    ),
    "additional": (
        lambda: dlt.mark.make_hints(additional_table_hints={"x-a": 1}),
        {"additional_table_hints": {"x-a": 1}},
    ),
    "nested": (
        lambda: dlt.mark.make_nested_hints(parent_table_name="p", columns={"a": {"data_type": "text"}}),
        {"parent_table_name": "p", "columns": {"a": {"name": "a", "data_type": "text"}}},
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_section_1_4_made_hints(name: str) -> None:
    make, expected = MADE[name]

    assert make() == expected


def test_section_1_4_nested_hints_take_no_others() -> None:
    with pytest.raises(TypeError, match="'incremental'"):
        dlt.mark.make_nested_hints(incremental="id")


# ---- 1.5


def test_section_1_5_unknown_progress() -> None:
    with pytest.raises(ValueError, match="nothing"):
        dlt.pipeline("made", progress="nothing")


SOURCES = (
    "AnySourceFactory DltResource DltSource SourceReference TDataItem TDataItems UnknownSourceReference config "
    "config.configspec config.with_config credentials incremental filesystem.filesystem rest_api.rest_api_source "
    "sql_database.sql_database"
)
CREDENTIALS = (
    "GcpCredentials GcpServiceAccountCredentials GcpOAuthCredentials AwsCredentials AzureCredentials "
    "AzureServicePrincipalCredentials ConnectionStringCredentials OAuth2Credentials CredentialsConfiguration configspec "
    "FileSystemCredentials SFTPCredentials"
)


@pytest.mark.parametrize("name", [*SOURCES.split(), *(f"credentials.{name}" for name in CREDENTIALS.split())])
def test_section_1_5_sources(name: str) -> None:
    assert thing(f"sources.{name}") is not None


@pytest.mark.parametrize("name", ["duckdb", "filesystem", "dummy", "destination", "postgres", "sqlalchemy"])
def test_section_1_5_destinations(name: str) -> None:
    assert thing(f"destinations.{name}").__name__


ELSEWHERE = (
    "snowflake ducklake mssql fabric bigquery athena redshift qdrant lancedb lance motherduck weaviate synapse "
    "databricks dremio clickhouse"
)


@pytest.mark.parametrize("name", ELSEWHERE.split())
def test_section_1_5_destinations_that_are_not_built(name: str) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' is not part of this version"):
        thing(f"destinations.{name}")


@pytest.mark.parametrize("name", ["Dataset", "Relation", "dataset", "dbt", "hub"])
def test_section_1_5_names_that_are_not_built(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(dlt), name, raising=False)  # importing dlt.dataset.exceptions leaves the package there
    with pytest.raises(AttributeError, match=f"dlt.{name} is not built yet"):
        thing(name)
