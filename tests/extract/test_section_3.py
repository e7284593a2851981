"""BEHAVIOUR 3.1-3.7: the members of an incremental, and the rows of the section that are not tested with the code."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import dlt
from dlt.errors import ConfigError, ResourceError, SchemaError
from dlt.extract.evaluate import evaluate

from .incrementals import entry, ids, resource_of, run, runs

inc = dlt.sources.incremental

# ---- 3.1, 3.2: arguments and members

DEFAULTS: dict[str, Any] = {
    "cursor_path": None,
    "initial_value": None,
    "last_value_func": max,
    "primary_key": None,
    "end_value": None,
    "row_order": None,
    "allow_external_schedulers": None,
    "on_cursor_value_missing": "raise",
    "lag": None,
    "range_start": "closed",
    "range_end": "open",
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_section_3_1_defaults(name: str) -> None:
    assert list(DEFAULTS) == [one for one in inspect.signature(inc).parameters if one != "self"]
    assert inspect.signature(inc).parameters[name].default == DEFAULTS[name]
    assert getattr(inc("id"), name) == ("id" if name == "cursor_path" else DEFAULTS[name])


METHODS: dict[str, str] = {
    "merge": "other",
    "copy": "",
    "with_cursor": "cursor",
    "advance": "last_value",
    "bind": "pipe",
    "get_current_range": "",
    "can_close": "",
    "get_state": "",
    "get_cursor_column_name": "",
}


@pytest.mark.parametrize("name", METHODS)
def test_section_3_2_methods(name: str) -> None:
    assert [one for one in inspect.signature(getattr(inc, name)).parameters if one != "self"] == METHODS[name].split()


def test_section_3_2_from_existing_state_is_of_the_class() -> None:
    assert list(inspect.signature(inc.from_existing_state).parameters) == ["resource_name", "cursor_path"]


RESOLVABLE = (
    "cursor_path initial_value end_value row_order allow_external_schedulers on_cursor_value_missing lag range_start "
    "range_end"
)


def test_section_3_1_what_can_be_configured() -> None:
    assert sorted(inc.get_resolvable_fields()) == sorted(RESOLVABLE.split())


CONFIGURED: dict[str, tuple[str, list[int]]] = {
    "INITIAL_VALUE": ("2", [2, 3]),
    "END_VALUE": ("3", [1, 2]),
    "RANGE_END": ("closed", [1, 2, 3]),
    "ON_CURSOR_VALUE_MISSING": ("exclude", [1, 2, 3]),
    "CURSOR_PATH": ("other", [1]),
}


@pytest.mark.parametrize("field", CONFIGURED)
def test_section_3_1_fields_of_the_configuration(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, passes = CONFIGURED[field]
    monkeypatch.setenv(f"SOURCES__SEC__ROWS__SINCE__{field}", value)
    if field in ("RANGE_END", "END_VALUE"):
        monkeypatch.setenv("SOURCES__SEC__ROWS__SINCE__INITIAL_VALUE", "1")
    if field == "CURSOR_PATH":
        monkeypatch.setenv("SOURCES__SEC__ROWS__SINCE__INITIAL_VALUE", "9")

    @dlt.resource(section="sec", name="rows")
    def rows(since: Any = inc[int]("ts")) -> Any:  # noqa: B008 - that is how one is declared
        yield [{"id": 1, "ts": 1, "other": 9}, {"id": 2, "ts": 2, "other": 8}, {"id": 3, "ts": 3, "other": 7}]

    assert ids(run(rows, {})) == passes


FUNCTIONS: dict[str, Any] = {"max": max, "max by name": "max", "min": min, "min by name": "min"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_section_3_1_functions(name: str) -> None:
    found, state = runs(
        [[{"id": 5, "ts": 5}], [{"id": 4, "ts": 4}, {"id": 6, "ts": 6}]],
        cursor_path="ts",
        last_value_func=FUNCTIONS[name],
    )

    up = name.startswith("max")
    assert found == [[{"id": 5, "ts": 5}], [{"id": 6, "ts": 6}] if up else [{"id": 4, "ts": 4}]]
    last = entry(state)
    assert last is not None
    assert last["last_value"] == (6 if up else 4)


# ---- 3.2: what goes before what

DEFAULT: dict[str, Any] = {"cursor_path": "ts", "initial_value": 2}
PASSED: dict[str, tuple[Callable[[], Any], list[int]]] = {
    "nothing": (dict, [2, 3]),
    "another start": (lambda: {"since": inc(initial_value=3)}, [3]),
    "a scalar": (lambda: {"since": 3}, [3]),
    "an end": (lambda: {"since": inc(end_value=3)}, [2]),
    "another cursor": (lambda: {"since": inc("other")}, [1, 2]),
    "none": (lambda: {"since": None}, [1, 2, 3]),
}


@pytest.mark.parametrize("name", PASSED)
def test_section_3_2_what_is_passed_is_merged_onto_the_default(name: str) -> None:
    make, passes = PASSED[name]

    @dlt.resource(name="t")
    def rows(since: inc[int] | None = inc(**DEFAULT)) -> Any:  # noqa: B008 - that is how one is declared
        yield [{"id": n, "ts": n, "other": 4 - n} for n in (1, 2, 3)]

    assert ids(run(rows(**make()), {})) == passes


KEYS: dict[str, tuple[Any, Any, list[int]]] = {  # of the incremental, of the resource, what the second run brings
    "none: the whole row": (None, None, [2]),
    "of the resource": (None, "id", [2]),
    "of the incremental": ("id", None, [2]),
    "of the incremental before the resource": ("id", "v", [2]),
    "nothing": ((), "id", [1, 2]),
}


@pytest.mark.parametrize("name", KEYS)
def test_section_3_2_primary_keys(name: str) -> None:
    own, of_resource, passes = KEYS[name]
    hints = {} if of_resource is None else {"primary_key": of_resource}
    batches = [[{"id": 1, "ts": 1, "v": 1}], [{"id": 1, "ts": 1, "v": 1}, {"id": 2, "ts": 1, "v": 2}]]

    found, _ = runs(batches, hints, cursor_path="ts", primary_key=own)

    assert ids(found[1]) == passes


# ---- 3.3


@pytest.mark.parametrize("key", [{}, {"primary_key": "id"}], ids=["row", "key"])
def test_section_3_3_hashes_are_of_twelve_characters(key: Any) -> None:
    _, state = runs([[{"id": 1, "ts": 1}, {"id": 2, "ts": 2}, {"id": 3, "ts": 2}]], key, cursor_path="ts")

    found = entry(state)
    assert found is not None
    assert [len(one) for one in found["unique_hashes"]] == [12, 12]


NO_HASHES: dict[str, dict[str, Any]] = {
    "open start": {"range_start": "open"},
    "lag": {"lag": 1},
    "no key": {"primary_key": ()},
}


@pytest.mark.parametrize("name", NO_HASHES)
def test_section_3_4_no_hashes(name: str) -> None:
    _, state = runs([[{"id": 1, "ts": 1}, {"id": 2, "ts": 2}]], cursor_path="ts", **NO_HASHES[name])

    found = entry(state)
    assert found is not None
    assert found["unique_hashes"] == []


# ---- 3.4

CURSORS: dict[str, tuple[str, Any]] = {
    "a name": ("ts", {"id": 1, "ts": 3}),
    "a path": ("meta.ts", {"id": 1, "meta": {"ts": 3}}),
    "the first match": ("meta[*].ts", {"id": 1, "meta": [{"ts": 3}, {"ts": 4}]}),
    "a name with a dash": ("my-ts", {"id": 1, "my-ts": 3}),
    "a name in quotes": ("'my-ts'", {"id": 1, "my-ts": 3}),
    "a name in double quotes": ('"my.ts"', {"id": 1, "my.ts": 3}),
    "a path of quotes": ("meta.'my-ts'", {"id": 1, "meta": {"my-ts": 3}}),
    "an attribute": ("ts", SimpleNamespace(id=1, ts=3)),
}


@pytest.mark.parametrize("name", CURSORS)
def test_section_3_4_cursors(name: str) -> None:
    cursor, row = CURSORS[name]
    state: dict[str, Any] = {}

    items = [item for _, item in evaluate([resource_of([[row]], inc(cursor))], state=state)]

    assert len(items) == 1
    found = entry(state, cursor)
    assert found is not None
    assert found["last_value"] == 3


ROWS_WITHOUT: dict[str, tuple[dict[str, Any], str]] = {
    "no such key": ({"id": 1}, "does not have the cursor 'ts'"),
    "none": ({"id": 1, "ts": None}, "has no value in the cursor 'ts'"),
}


@pytest.mark.parametrize("name", ROWS_WITHOUT)
def test_section_3_4_rows_without_a_cursor_raise(name: str) -> None:
    row, text = ROWS_WITHOUT[name]

    with pytest.raises(ResourceError, match=text):
        runs([[row]], cursor_path="ts")


def test_section_3_4_a_key_that_a_row_does_not_have() -> None:
    with pytest.raises(ResourceError, match="key: key"):
        runs([[{"id": 1, "ts": 1}]], {}, cursor_path="ts", primary_key="key")


# ---- 3.5

DAY = dt.date(2024, 1, 10)
MOMENT = dt.datetime(2024, 1, 10, 12, tzinfo=dt.UTC)
LAGS: dict[str, tuple[Any, Any, Any]] = {  # last value, lag, where the next run starts
    "seconds": (MOMENT, 60, MOMENT - dt.timedelta(seconds=60)),
    "seconds of a text": ("2024-01-10T12:00:00Z", 60, "2024-01-10T11:59:00Z"),
    "days": (DAY, 2, dt.date(2024, 1, 8)),
    "days of a text": ("2024-01-10", 2, "2024-01-08"),
    "days of a short text": ("20240110", 2, "20240108"),
    "int": (10, 3, 7),
    "float": (10.5, 0.5, 10.0),
}


@pytest.mark.parametrize("name", LAGS)
def test_section_3_5_units(name: str) -> None:
    last, lag, start = LAGS[name]
    starts = []

    @dlt.resource(name="t")
    def rows(since: Any = inc("ts", lag=lag)) -> Any:  # noqa: B008 - that is how one is declared
        starts.append(since.start_value)
        yield [{"id": 1, "ts": last}]

    state: dict[str, Any] = {}
    for _ in range(2):
        run(rows(), state)

    assert starts == [None, start]
    assert type(starts[1]) is type(start)


SEEN: dict[str, tuple[Any, int | None, list[Any]]] = {  # function, lag, start and last value before and after each row
    "lag": (max, 3, [(7, 7), (7, 10), (7, 10), (7, 12)]),
    "no lag": (max, None, [(10, 10), (10, 10), (10, 10), (10, 12)]),
    "a lag of zero": (max, 0, [(10, 10), (10, 10), (10, 10), (10, 12)]),
    "min": (min, 3, [(13, 13), (13, 9), (13, 9), (13, 9)]),
}


@pytest.mark.parametrize("name", SEEN)
def test_section_3_5_the_last_value_begins_at_the_start(name: str) -> None:
    function, lag, expected = SEEN[name]
    seen: list[Any] = []

    @dlt.resource(name="t")
    def rows(since: Any = inc("ts", lag=lag, last_value_func=function)) -> Any:  # noqa: B008 - how one is declared
        seen.append((since.start_value, since.last_value))
        for value in (9, 10, 12) if state else (10,):
            yield {"id": value, "ts": value}
            seen.append((since.start_value, since.last_value))

    state: dict[str, Any] = {}
    for _ in range(2):
        run(rows(), state)

    assert seen[2:] == expected


# ---- 3.7

WRONG: dict[str, dict[str, Any]] = {
    "an end without a start": {"end_value": 3},
    "an end before the start": {"initial_value": 3, "end_value": 2},
    "an end above the start of min": {"initial_value": 2, "end_value": 3, "last_value_func": min},
}


@pytest.mark.parametrize("name", WRONG)
def test_section_3_7_ranges_that_cannot_be(name: str) -> None:
    with pytest.raises((ConfigError, SchemaError)):
        runs([[{"id": 1, "ts": 1}]], cursor_path="ts", **WRONG[name])
