"""What stands behind the old import paths: values as dlt 1.31 gives them."""

from __future__ import annotations

import datetime as dt
import io
import os
import signal
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pendulum
import pytest
from dlt.common import json, jsonpath, known_env
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import ConfigSectionContext, PluggableRunContext
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
from dlt.common.data_types import coerce_value, py_type_to_sc_type
from dlt.common.data_writers.escape import escape_postgres_identifier
from dlt.common.destination import Destination
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.common.pipeline import PipelineContext, StateInjectableContext, get_dlt_pipelines_dir
from dlt.common.runtime import signals
from dlt.common.schema.utils import merge_column, new_column, new_table
from dlt.common.time import (
    ensure_pendulum_date,
    ensure_pendulum_datetime,
    ensure_pendulum_datetime_non_utc,
    ensure_pendulum_time,
    parse_iso_like_datetime,
    reduce_pendulum_datetime_precision,
    timestamp_within,
    to_seconds,
)
from dlt.common.utils import (
    chunks,
    custom_environ,
    digest128,
    digest256,
    flatten_list_or_items,
    map_nested_values_in_place,
    set_working_dir,
    simple_repr,
    str2bool,
    uniq_id,
    update_dict_nested,
    without_none,
)

import dlt
from dlt.errors import NotBuilt, SchemaError

TWO_HOURS = dt.timezone(dt.timedelta(hours=2))
MOMENT = pendulum.datetime(2024, 5, 6, 7, 8, 9)


@pytest.mark.parametrize(
    ("value", "moment", "day", "parsed"),
    [
        ("2024-05-06T07:08:09Z", MOMENT, pendulum.date(2024, 5, 6), MOMENT),
        ("2024-05-06T07:08:09", MOMENT, pendulum.date(2024, 5, 6), MOMENT.naive()),
        ("2024-05-06T07:08:09+02:00", MOMENT.subtract(hours=2), pendulum.date(2024, 5, 6), MOMENT.subtract(hours=2)),
        ("2024-05-06", pendulum.datetime(2024, 5, 6), pendulum.date(2024, 5, 6), pendulum.date(2024, 5, 6)),
        ("2024-05", pendulum.datetime(2024, 5, 1), pendulum.date(2024, 5, 1), pendulum.date(2024, 5, 1)),
        (5, pendulum.datetime(1970, 1, 1, 0, 0, 5), pendulum.date(1970, 1, 1), TypeError),
        (5.5, pendulum.datetime(1970, 1, 1, 0, 0, 5, 500000), pendulum.date(1970, 1, 1), TypeError),
        (dt.date(2024, 1, 2), pendulum.datetime(2024, 1, 2), pendulum.date(2024, 1, 2), TypeError),
        (dt.datetime(2024, 1, 2), pendulum.datetime(2024, 1, 2), pendulum.date(2024, 1, 2), TypeError),
        (
            dt.datetime(2024, 1, 2, tzinfo=TWO_HOURS),
            pendulum.datetime(2024, 1, 1, 22),
            pendulum.date(2024, 1, 1),
            TypeError,
        ),
        ("07:08", ValueError, ValueError, pendulum.time(7, 8)),
        ("x", ValueError, ValueError, ValueError),
        (None, TypeError, TypeError, TypeError),
    ],
    ids=str,
)
def test_14_times(value: Any, moment: Any, day: Any, parsed: Any) -> None:
    for function, expected in (
        (ensure_pendulum_datetime, moment),
        (ensure_pendulum_date, day),
        (parse_iso_like_datetime, parsed),
    ):
        if isinstance(expected, type):
            with pytest.raises(expected):
                function(value)
        else:
            found = function(value)
            assert (found, type(found)) == (expected, type(expected))


def test_14_zones() -> None:
    assert ensure_pendulum_datetime("2024-05-06T07:08:09+02:00").timezone_name == "UTC"
    assert ensure_pendulum_datetime("2024-05-06T07:08:09", tz=TWO_HOURS).isoformat() == "2024-05-06T07:08:09+02:00"
    assert ensure_pendulum_datetime_non_utc("2024-05-06T07:08:09+02:00").isoformat() == "2024-05-06T07:08:09+02:00"
    assert ensure_pendulum_datetime_non_utc(dt.datetime(2024, 5, 6)).tzinfo is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("07:08", pendulum.time(7, 8)),
        (dt.time(7, 8, 9), pendulum.time(7, 8, 9)),
        (dt.timedelta(hours=1), pendulum.time(1)),
    ],
)
def test_14_times_of_day(value: Any, expected: Any) -> None:
    assert ensure_pendulum_time(value) == expected


@pytest.mark.parametrize(("value", "error"), [("2024-05-06", ValueError), (5, TypeError)])
def test_14_no_times_of_day(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        ensure_pendulum_time(value)


def test_14_more_of_time() -> None:
    assert reduce_pendulum_datetime_precision(MOMENT.add(microseconds=123456), 3).microsecond == 123000
    assert [timestamp_within(5, *ends) for ends in ((None, 5), (5, None), (4, 5), (5, 6))] == [True, False, True, False]
    assert [to_seconds(one) for one in (dt.timedelta(minutes=1), 5, None)] == [60.0, 5, None]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.datetime(2024, 1, 2, 3, 4, 5, 6), '"2024-01-02T03:04:05.000006"'),
        (dt.date(2024, 1, 2), '"2024-01-02"'),
        (dt.time(1, 2, 3), '"01:02:03"'),
        (Decimal("1.50"), '"1.50"'),
        (uuid.UUID(int=5), '"00000000-0000-0000-0000-000000000005"'),
        (b"abc", '"YWJj"'),
        ({"b": "é", "a": [1, None]}, '{"b":"é","a":[1,null]}'),
    ],
    ids=str,
)
def test_14_json(value: Any, text: str) -> None:
    assert json.dumps(value) == text
    assert json.dumpb(value) == text.encode()


def test_14_json_options() -> None:
    assert json.dumps({"b": 1, "a": 2}, sort_keys=True) == '{"a":2,"b":1}'
    assert json.dumps({"a": 1}, pretty=True) == '{\n  "a": 1\n}'
    with pytest.raises(TypeError, match="set is not JSON"):
        json.dumps({1})
    json.set_custom_encoder(sorted)
    try:
        assert json.dumps({2, 1}) == "[1,2]"
    finally:
        json.set_custom_encoder(None)


def test_14_json_files() -> None:
    file = io.BytesIO()
    json.dump({"a": 1}, file)
    file.seek(0)
    assert json.load(file) == json.loadb(memoryview(b'{"a": 1}')) == json.loads(b'{"a": 1}') == {"a": 1}


def test_14_typed_json() -> None:
    values = {"x": Decimal("1.50"), "at": dt.datetime(2024, 1, 2, tzinfo=dt.UTC), "raw": b"abc", "id": uuid.UUID(int=5)}
    file = io.BytesIO()
    json.typed_dump(values, file)
    file.seek(0)

    assert json.typed_loads(json.typed_dumps(values)) == json.typed_loadb(json.typed_dumpb(values)) == values
    assert json.typed_load(file) == values
    assert json.custom_pua_decode(json.custom_pua_encode(Decimal(1))) == Decimal(1)
    assert json.custom_pua_remove(json.custom_pua_encode(Decimal("1.5"))) == "1.5"


def test_14_ids_and_digests() -> None:
    assert digest128("a") == "hcjeiNKIZr8IaAkLOWEW"
    assert digest256("a") == "gAhL8vugJHVyb+ssqy2CFeqxS8a92L+yyBUSVwMuzYs="
    assert (len(uniq_id()), len(uniq_id(8))) == (32, 16)
    assert uniq_id() != uniq_id()


def test_14_collections() -> None:
    assert list(chunks([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(flatten_list_or_items([[1, 2], 3])) == [1, 2, 3]
    assert without_none({"a": None, "b": 0}) == {"b": 0}
    assert update_dict_nested({"a": {"b": 1}}, {"a": {"c": 2}, "d": 3}) == {"a": {"b": 1, "c": 2}, "d": 3}
    nested = {"a": [1, {"b": 2}]}
    assert map_nested_values_in_place(lambda value, by: value * by, nested, 2) is nested
    assert nested == {"a": [2, {"b": 4}]}
    with pytest.raises(ValueError, match="no dict and no list"):
        map_nested_values_in_place(str, 5)
    assert simple_repr("thing", a=1) == "<thing(a=1)>"
    assert escape_postgres_identifier('a"b') == '"a""b"'


@pytest.mark.parametrize("word", ["yes", "TRUE", "t", "y", "1"])
def test_14_true(word: str) -> None:
    assert str2bool(word) is True


@pytest.mark.parametrize("word", ["no", "False", "f", "n", "0"])
def test_14_false(word: str) -> None:
    assert str2bool(word) is False


def test_14_neither() -> None:
    with pytest.raises(ValueError, match="'maybe'"):
        str2bool("maybe")


def test_14_surroundings(own_folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "before")
    with custom_environ({"KEPT": "within", "NEW": "1"}):
        assert (os.environ["KEPT"], os.environ["NEW"]) == ("within", "1")
    assert (os.environ["KEPT"], os.environ.get("NEW")) == ("before", None)
    (own_folder / "below").mkdir()
    with set_working_dir("below"):
        assert Path.cwd() == own_folder / "below"
    assert Path.cwd() == own_folder
    assert Path(get_dlt_pipelines_dir()) == Path(os.environ[known_env.DLT_DATA_DIR]) / "pipelines"


@pytest.mark.parametrize(
    ("kind", "data_type"),
    [
        (int, "bigint"),
        (str, "text"),
        (float, "double"),
        (bool, "bool"),
        (dict, "json"),
        (list, "json"),
        (bytes, "binary"),
        (dt.datetime, "timestamp"),
        (dt.date, "date"),
        (dt.time, "time"),
        (Decimal, "decimal"),
        (tuple, "json"),
    ],
)
def test_14_types(kind: type, data_type: str) -> None:
    assert py_type_to_sc_type(kind) == data_type


def test_14_no_type() -> None:
    with pytest.raises(TypeError, match="set"):
        py_type_to_sc_type(set)


@pytest.mark.parametrize(
    ("to", "of", "value", "expected"),
    [
        ("bigint", "text", " 7", 7),
        ("double", "text", "1.5", 1.5),
        ("timestamp", "text", "2024-01-02", dt.datetime(2024, 1, 2)),
        ("text", "bigint", 5, "5"),
        ("bool", "text", "true", True),
        ("json", "text", '{"a":1}', {"a": 1}),
        ("text", "json", {"a": 1}, '{"a":1}'),
        ("date", "text", "2024-01-02", dt.date(2024, 1, 2)),
        ("decimal", "text", "1.5", Decimal("1.5")),
        ("binary", "text", "YWJj", b"abc"),
        ("bigint", "double", 5.0, 5),
        ("double", "bigint", 5, 5.0),
    ],
)
def test_14_coerce_value(to: str, of: str, value: Any, expected: Any) -> None:
    found = coerce_value(to, of, value)

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(("to", "value"), [("bigint", "x"), ("bigint", 5.5), ("bool", "maybe"), ("date", "x")])
def test_14_coerce_value_that_is_none(to: str, value: Any) -> None:
    with pytest.raises(ValueError):
        coerce_value(to, "other", value)


def test_14_columns_and_tables() -> None:
    merged = merge_column({"name": "a", "data_type": "text", "nullable": True}, {"name": "a", "primary_key": True})
    assert merged == {"name": "a", "data_type": "text", "nullable": True, "primary_key": True}
    kept = merge_column({"name": "a", "nullable": False}, {"name": "a", "nullable": True}, merge_defaults=False)
    assert kept["nullable"] is False
    table = new_table("t", columns=[new_column("a", "bigint", precision=32)])
    assert table["columns"] == {"a": {"name": "a", "nullable": True, "data_type": "bigint", "precision": 32}}
    assert (table["write_disposition"], table["resource"]) == ("append", "t")
    assert "write_disposition" not in new_table("t__x", parent_table_name="t")


def test_14_json_paths() -> None:
    row = {"items": [{"id": 1}, {"id": 2}]}
    assert jsonpath.find_values("items[*].id", row) == [1, 2]
    assert jsonpath.find_values(jsonpath.compile_path("$.none"), row) == []
    with pytest.raises(SchemaError):
        jsonpath.compile_path("a[?(@)]")


def test_13_container_pipeline() -> None:
    context = Container()[PipelineContext]
    assert not context.is_active()
    pipeline = dlt.pipeline("mine", destination="memory")
    assert context.is_active()
    assert context.pipeline() is pipeline


def test_13_container_state() -> None:
    with pytest.raises(KeyError):
        Container()[StateInjectableContext]
    with Container().injectable_context(StateInjectableContext(state={})) as context:
        dlt.current.source_state()["cursor"] = 5
        assert Container()[StateInjectableContext] is context
    assert list(context.state["sources"].values()) == [{"cursor": 5}]
    assert StateInjectableContext not in Container()


def test_13_container_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlt.common.configuration.inject import with_config

    @with_config
    def asked(token: str = dlt.config.value) -> str:
        return token

    monkeypatch.setenv("SOURCES__SHOP__TOKEN", "mine")
    with Container().injectable_context(ConfigSectionContext(sections=("sources", "shop"))):
        assert asked() == "mine"


def test_13_container_folders_and_providers(own_folder: Any) -> None:
    context = Container()[PluggableRunContext].context
    assert (context.run_dir, context.name) == (str(own_folder), "dlt")
    assert context.get_setting("config.toml") == str(own_folder / ".dlt" / "config.toml")
    names = [provider.name for provider in Container()[ConfigProvidersContainer].providers]
    assert "secrets.toml" in names
    assert dict not in Container()


def test_14_destinations_and_names() -> None:
    assert isinstance(Destination.from_reference("memory"), dlt.destinations.memory)
    assert NamingConvention(64).normalize_identifier("HelloWorld") == "hello_world"


def test_10_duckdb_credentials() -> None:
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    place = dlt.destinations.duckdb(credentials=DuckDbCredentials("mine.duckdb"))
    dlt.pipeline("p", destination=place).run([{"id": 1}], table_name="t")
    assert Path("mine.duckdb").exists()
    with pytest.raises(NotBuilt, match="read_only"):
        DuckDbCredentials("mine.duckdb", read_only=True)


def test_8_8_signals() -> None:
    with signals.intercepted_signals():
        assert not signals.was_signal_received()
        signal.raise_signal(signal.SIGTERM)
        assert signals.was_signal_received()
        with pytest.raises(signals.SignalReceivedException) as caught:
            signals.sleep(60)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert caught.value.signal_code == signal.SIGTERM
    signals.raise_if_signalled()
    signals.sleep(0)


def test_1_3_secret_annotations_can_be_called() -> None:
    assert (dlt.TSecretValue("x"), dlt.TSecretStrValue("x")) == ("x", "x")
