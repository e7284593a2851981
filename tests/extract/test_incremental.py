"""Incremental loading, behaviour 3.1 to 3.3 and 3.8: arguments, ways to attach, state, metrics."""

# ruff: noqa: B008 - that is how an incremental is declared

from __future__ import annotations

import datetime as dt
import inspect
from decimal import Decimal
from typing import Annotated, Any, Optional

import pytest

import dlt
from dlt.errors import ConfigError, ResourceError, SchemaError, StepFailed
from dlt.extract.evaluate import evaluate

from .incrementals import PAGE, entry, ids, resource_of, run, runs

inc = dlt.sources.incremental
UTC = dt.UTC


# ---- 3.1


def test_3_1_signature() -> None:
    usual = {name: one.default for name, one in inspect.signature(inc.__init__).parameters.items() if name != "self"}
    assert usual == {
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


@pytest.mark.parametrize("kind", [int, str, float, dt.datetime, dt.date, Decimal])
def test_3_1_the_type_of_the_cursor(kind: Any) -> None:
    made = inc[kind]("id")
    assert isinstance(made, inc)
    assert made.cursor_type is kind
    assert made.copy().cursor_type is kind
    assert inc("id").cursor_type is None
    assert inc("id", initial_value=kind).value_type() is type(kind)


@pytest.mark.parametrize("function", ["max", max, None])
def test_3_1_max(function: Any) -> None:
    assert inc("id", last_value_func=function).last_value_func is max


def test_3_1_min_by_name() -> None:
    assert inc("id", last_value_func="min").last_value_func is min


@pytest.mark.parametrize(
    "wrong",
    [
        {"last_value_func": "mean"},
        {"row_order": "up"},
        {"on_cursor_value_missing": "drop"},
        {"range_start": "half"},
        {"range_end": None},
        {"cursor_path": "a[?(@.b)]"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_3_1_words_that_say_nothing(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"Unknown|cannot be read"):
        inc(**{"cursor_path": "id", **wrong})


FROM_CONFIG = {
    "cursor_path": ("other", lambda made: made.cursor_path == "other"),
    "initial_value": ("3", lambda made: made.initial_value == 3),
    "end_value": ("9", lambda made: made.end_value == 9),
    "row_order": ("desc", lambda made: made.row_order == "desc"),
    "allow_external_schedulers": ("false", lambda made: made.allow_external_schedulers is False),
    "on_cursor_value_missing": ("exclude", lambda made: made.on_cursor_value_missing == "exclude"),
    "lag": ("2", lambda made: made.lag == 2 and type(made.lag) is int),
    "range_start": ("open", lambda made: made.range_start == "open"),
    "range_end": ("closed", lambda made: made.range_end == "closed"),
}


@pytest.mark.parametrize("field", FROM_CONFIG)
@pytest.mark.parametrize("place", ["SOURCES__{section}__T__SINCE__", "T__SINCE__", "SINCE__"])
def test_3_1_fields_come_from_the_configuration(field: str, place: str, monkeypatch: Any) -> None:
    text, holds = FROM_CONFIG[field]
    seen = []

    @dlt.resource(section="shop")
    def t(since: Any = inc("ts", initial_value=1)) -> Any:
        seen.append(since)
        yield []

    name = place.format(section="SHOP") if place.startswith(("SOURCES", "SINCE")) else f"SOURCES__{place}"
    monkeypatch.setenv(name + field.upper(), text)
    run(t(), {})
    assert holds(seen[0])


def test_3_1_a_scalar_in_the_configuration_is_the_initial_value(monkeypatch: Any) -> None:
    monkeypatch.setenv("SOURCES__T__SINCE", "2024-01-02T00:00:00Z")

    @dlt.resource
    def t(since: Any = inc[dt.datetime]("ts")) -> Any:
        yield [
            {"id": 1, "ts": dt.datetime(2024, 1, 1, tzinfo=UTC)},
            {"id": 2, "ts": dt.datetime(2024, 1, 3, tzinfo=UTC)},
        ]

    assert ids(run(t(), {})) == [2]


def test_3_1_a_value_of_the_wrong_type_in_the_configuration(monkeypatch: Any) -> None:
    monkeypatch.setenv("SINCE__INITIAL_VALUE", "yesterday")

    @dlt.resource
    def t(since: Any = inc[int]("ts")) -> Any:
        yield []

    with pytest.raises(ConfigError, match=r"since\.initial_value"):
        run(t(), {})


def test_3_1_what_the_call_gives_goes_before_the_configuration(monkeypatch: Any) -> None:
    monkeypatch.setenv("SINCE__INITIAL_VALUE", "8")

    @dlt.resource
    def t(since: Any = inc("ts", initial_value=1)) -> Any:
        yield [{"id": value, "ts": value} for value in range(10)]

    assert ids(run(t(), {})) == [8, 9]
    assert ids(run(t(since=inc(initial_value=5)), {})) == [5, 6, 7, 8, 9]
    assert ids(run(t(since=6), {})) == [6, 7, 8, 9]


# ---- 3.2


@dlt.resource(name="t")
def by_default(since: Any = inc("ts", initial_value=2)) -> Any:
    assert since.start_value in (2, 3)
    yield [dict(row) for row in PAGE]


@dlt.resource(name="t")
def by_type(since: dlt.sources.incremental[int]) -> Any:
    assert since.start_value in (2, 3)
    yield [dict(row) for row in PAGE]


@dlt.resource(name="t")
def by_annotated(since: Annotated[dlt.sources.incremental[int], "marked"]) -> Any:
    assert since.start_value in (2, 3)
    yield [dict(row) for row in PAGE]


@dlt.resource(name="t")
def optional(since: Optional[dlt.sources.incremental[int]] = None) -> Any:  # noqa: UP045
    if since is not None:
        assert since.start_value in (2, 3)
    yield [dict(row) for row in PAGE]


@dlt.resource(name="t")
def without() -> Any:
    yield [dict(row) for row in PAGE]


@dlt.resource(name="t", incremental=inc("ts", initial_value=2))
def decorated() -> Any:
    yield [dict(row) for row in PAGE]


WAYS = {
    "default of an argument": lambda: by_default(),
    "bound in place": lambda: _bound(by_default),
    "type of an argument, passed": lambda: by_type(since=inc("ts", initial_value=2)),
    "passed without a name": lambda: by_type(inc("ts", initial_value=2)),
    "a dict that is passed": lambda: by_type(since={"cursor_path": "ts", "initial_value": 2}),
    "an annotated argument": lambda: by_annotated(since=inc("ts", initial_value=2)),
    "an optional argument": lambda: optional(since=inc("ts", initial_value=2)),
    "the decorator": lambda: decorated(),
    "dlt.resource": lambda: dlt.resource([dict(row) for row in PAGE], name="t", incremental=inc("ts", initial_value=2)),
    "hints": lambda: without().apply_hints(incremental=inc("ts", initial_value=2)),
    "hints as a dict": lambda: without().apply_hints(incremental={"cursor_path": "ts", "initial_value": 2}),
    "hints that were made before": lambda: without().merge_hints(
        dlt.mark.make_hints(incremental=inc("ts", initial_value=2))
    ),
    "hints for a typed argument": lambda: by_type.with_name("t").apply_hints(incremental=inc("ts", initial_value=2)),
    "a step": lambda: without().add_step(inc("ts", initial_value=2)),
    "a step in its place": lambda: without().add_step(inc("ts", initial_value=2), insert_at=1),
    "set": lambda: without().set_incremental(inc("ts", initial_value=2)),
}


def _bound(resource: Any) -> Any:
    made = resource.with_name("t")
    made.bind()
    return made


@pytest.mark.parametrize("way", WAYS)
def test_3_2_ways_to_attach(way: str) -> None:
    state: dict[str, Any] = {}
    assert ids(run(WAYS[way](), state)) == [2, 3]
    assert run(WAYS[way](), state) == []
    assert entry(state)["last_value"] == 3
    assert WAYS[way]().incremental.cursor_path == "ts"


def test_3_2_from_the_configuration_alone(monkeypatch: Any) -> None:
    with pytest.raises(ConfigError, match=r"since\.cursor_path"):
        run(by_type, {})
    monkeypatch.setenv("SINCE__CURSOR_PATH", "ts")
    monkeypatch.setenv("SINCE__INITIAL_VALUE", "2")
    assert ids(run(by_type, {})) == [2, 3]


def test_3_2_none_turns_an_optional_one_off() -> None:
    for made in (optional(since=None), optional(), optional):
        state: dict[str, Any] = {}
        assert ids(run(made, state)) == [1, 2, 3]
        assert entry(state) is None


def test_3_2_hints_go_before_the_argument() -> None:
    seen = []

    @dlt.resource
    def t(since: Any = inc("id")) -> Any:
        seen.append((since.cursor_path, since.start_value))
        yield [dict(row) for row in PAGE]

    assert ids(run(t().apply_hints(incremental=inc("ts", initial_value=3)), {})) == [3]
    assert seen == [("ts", 3)]


def test_3_2_empty_takes_it_away() -> None:
    made = decorated()
    assert made.incremental is not None
    made.apply_hints(incremental=inc.EMPTY)
    assert made.incremental is None
    assert ids(run(made, {})) == [1, 2, 3]


def test_3_2_hints_without_incremental_keep_it() -> None:
    assert ids(run(decorated().apply_hints(write_disposition="append", columns={}), {})) == [2, 3]


def test_3_2_a_copy_has_it_too() -> None:
    assert ids(run(decorated().with_name("copied"), {})) == [2, 3]


def test_3_2_values_inside_the_function() -> None:
    seen: list[Any] = []

    @dlt.resource
    def t(since: Any = inc("ts", initial_value=1, row_order="asc")) -> Any:
        def look() -> None:
            seen.append((since.start_value, since.last_value, since.get_current_range(), since.end_out_of_range))

        assert (since.initial_value, since.end_value, since.cursor_path, since.row_order) == (1, None, "ts", "asc")
        look()
        yield {"ts": 3}
        look()
        yield [{"ts": 4}, {"ts": 6}]
        look()

    state: dict[str, Any] = {}
    run(t, state)
    assert seen == [(1, 1, (1, None), False), (1, 3, (1, 3), False), (1, 6, (1, 6), False)]
    del seen[:]
    run(t, state)
    assert seen[0] == (6, 6, (6, None), False)


def test_3_2_values_outside_of_a_run() -> None:
    with pytest.raises(ResourceError, match="belongs to no resource"):
        _ = inc("ts").start_value


def test_3_2_a_generator_sees_what_its_last_row_did() -> None:
    pulled = []

    @dlt.resource
    def t(since: Any = inc("ts", initial_value=5)) -> Any:
        for value in range(20, 0, -1):
            pulled.append(value)
            yield {"id": value, "ts": value}
            if since.start_out_of_range:
                return

    assert ids(run(t, {})) == list(range(20, 4, -1))
    assert pulled[-1] == 4


def test_3_2_merge_copy_and_another_cursor() -> None:
    one = inc("ts", initial_value=1, lag=2)
    merged = one.merge(inc(initial_value=7, row_order="asc"))
    assert (merged.cursor_path, merged.initial_value, merged.lag, merged.row_order) == ("ts", 7, 2, "asc")
    assert one.copy() == one != merged
    assert one.with_cursor("other").as_dict_nondefault() == {"cursor_path": "other", "initial_value": 1, "lag": 2}
    assert repr(one) == "<dlt.sources.incremental(cursor_path='ts', initial_value=1, lag=2, last_value_func='max')>"


def test_3_2_advance_and_state() -> None:
    @dlt.resource
    def t(since: Any = inc("ts", initial_value=1)) -> Any:
        since.advance(9)
        since.advance(8)
        yield {"id": 1, "ts": 2}
        assert since.get_state()["last_value"] == 9
        known = dlt.current.resource_state()["incremental"]["ts"]
        assert inc.from_existing_state("t", "ts").start_value == known["last_value"]
        with pytest.raises(ResourceError, match="has no cursor 'x'"):
            inc.from_existing_state("t", "x")

    state: dict[str, Any] = {}
    assert ids(run(t, state)) == [1]
    assert entry(state)["last_value"] == 9


@pytest.mark.parametrize("key", ["id", ["id"], ("id", "ts")])
def test_3_2_key_of_the_incremental_tells_rows_apart(key: Any) -> None:
    batches = [[{"id": 1, "ts": 5, "v": "a"}], [{"id": 1, "ts": 5, "v": "b"}, {"id": 2, "ts": 5, "v": "b"}]]
    found, _ = runs(batches, cursor_path="ts", primary_key=key)
    assert [ids(rows) for rows in found] == [[1], [2]]


def test_3_2_a_key_that_rows_lack() -> None:
    with pytest.raises(ResourceError, match="lacks a column of the key"):
        runs([[{"id": 1, "ts": 5}]], cursor_path="ts", primary_key="nr")


@pytest.mark.parametrize(("cursor", "marked"), [("ts", ["ts"]), ("$.ts", ["ts"]), ("a.ts", []), ("x[0]", [])])
def test_3_2_the_column_of_the_cursor_has_a_hint(cursor: str, marked: list[str]) -> None:
    columns = without().apply_hints(incremental=inc(cursor)).compute_table_schema()["columns"]
    assert [name for name, column in columns.items() if column.get("incremental")] == marked


@pytest.mark.parametrize("way", ["a mark", "the code"])
def test_3_2_it_cannot_change_while_rows_are_made(way: str, own_folder: Any) -> None:
    @dlt.resource(name="t")
    def t() -> Any:
        yield {"id": 1, "ts": 1}
        if way == "a mark":
            yield dlt.mark.with_hints({"id": 2, "ts": 2}, dlt.mark.make_hints(incremental=inc("ts")))
        else:
            dlt.current.resource().apply_hints(incremental=inc("ts"))
            yield {"id": 2, "ts": 2}

    with pytest.raises(StepFailed, match="cannot change while its rows are made"):
        dlt.pipeline("changing", destination="duckdb").run(t())


def test_3_2_it_belongs_to_no_variant() -> None:
    with pytest.raises(SchemaError, match="not of one of its tables"):
        without().apply_hints(table_name="u", incremental=inc("ts"), create_table_variant=True)


# ---- 3.3


def test_3_3_layout() -> None:
    _, state = runs([[{"id": 1, "ts": 1}, {"id": 2, "ts": 2}]], cursor_path="ts", primary_key="id", initial_value=0)
    assert entry(state) == {"initial_value": 0, "last_value": 2, "unique_hashes": ["Tp44cKMYfAuJ"], "start_value": 0}


HASHES = {  # as dlt 1.31 wrote them
    "key": ({"id": 3, "ts": 1}, "id", "Cn/dwi436vBb"),
    "two keys": ({"id": 1, "k": 2, "ts": 5}, ["id", "k"], "UdaPeqxraRmO"),
    "text key": ({"id": "a", "ts": 1}, "id", "HXVczKyPrzLo"),
    "instant key": ({"id": dt.datetime(2024, 1, 1, tzinfo=UTC), "ts": 1}, "id", "h/U5EKOHERSH"),
    "decimal key": ({"id": Decimal("1.50"), "ts": 1}, "id", "NryApKkv48uo"),
    "row": ({"id": 1, "x": [{"ts": 1}, {"ts": 3}], "ts": 1}, None, None),
    "nested row": ({"a": {"ts": 5}}, None, "S9Ur3g1sbQsL"),
    "text": ({"id": 1, "ts": "2024-01-01"}, None, "HeTuEJ4bBQ/o"),
}


@pytest.mark.parametrize("case", HASHES)
def test_3_3_hashes(case: str) -> None:
    row, key, known = HASHES[case]
    cursor = "a.ts" if "a" in row else "ts"
    _, state = runs([[row]], cursor_path=cursor, primary_key=key)
    (found,) = entry(state, cursor)["unique_hashes"]
    assert len(found) == 12
    assert known in (None, found)


OLD = {"initial_value": None, "last_value": 2, "unique_hashes": ["Tp44cKMYfAuJ"]}  # by key, without start_value


@pytest.mark.parametrize("known", [OLD, {**OLD, "start_value": 1}], ids=["old", "new"])
def test_3_3_a_state_of_dlt(known: Any) -> None:
    state = {"sources": {"dlt": {"resources": {"t": {"incremental": {"ts": dict(known)}}}}}}
    page = [{"id": 2, "ts": 2, "v": 1}, {"id": 3, "ts": 2, "v": 1}]
    assert ids(run(resource_of([page], inc("ts"), primary_key="id"), state)) == [3]
    assert run(resource_of([page], inc("ts"), primary_key="id"), state) == []
    changed = [{**page[0], "v": 2}, page[1]]
    assert run(resource_of([changed], inc("ts"), primary_key="id"), state) == changed[:1]


def test_3_3_dlt_goes_on_with_a_state_of_ours_and_we_with_its() -> None:
    """It knows rows by their keys, and keeps what it does not know of."""
    state: dict[str, Any] = {}
    run(resource_of([[{"id": 2, "ts": 1, "v": 1}]], inc("ts"), primary_key="id"), state)
    known = entry(state)
    assert known["unique_hashes"] == ["Tp44cKMYfAuJ"]
    known |= {"last_value": 2, "unique_hashes": ["Cn/dwi436vBb"]}  # it loaded the row 3
    page = [{"id": 3, "ts": 2, "v": 1}, {"id": 2, "ts": 2, "v": 1}]
    assert ids(run(resource_of([page], inc("ts"), primary_key="id"), state)) == [2]
    assert run(resource_of([page], inc("ts"), primary_key="id"), state) == []


def test_3_3_a_sketch_is_not_used_for_another_value() -> None:
    state: dict[str, Any] = {}
    run(resource_of([[{"id": number, "ts": 1} for number in range(300)]], inc("ts")), state)
    assert "boundary" in entry(state)
    entry(state)["last_value"] = 2  # dlt 1.x went on
    assert ids(run(resource_of([[{"id": 1, "ts": 2}]], inc("ts")), state)) == [1]


@pytest.mark.parametrize("bound", [{"end_value": 9, "initial_value": 0}])
def test_3_3_a_backfill_touches_no_state(bound: Any) -> None:
    state = {
        "sources": {"dlt": {"resources": {"t": {"incremental": {"ts": {"last_value": 100, "unique_hashes": []}}}}}}
    }
    before = {
        "sources": {"dlt": {"resources": {"t": {"incremental": {"ts": {"last_value": 100, "unique_hashes": []}}}}}}
    }
    for _ in range(2):
        assert ids(run(resource_of([PAGE], inc("ts", **bound)), state)) == [1, 2, 3]
        assert state == before
    empty: dict[str, Any] = {}
    run(resource_of([PAGE], inc("ts", **bound)), empty)
    assert empty == {}


def test_3_3_nothing_new_changes_nothing() -> None:
    state: dict[str, Any] = {}
    run(resource_of([PAGE], inc("ts")), state)
    before = entry(state)
    for page in (PAGE, [], PAGE[:1]):
        run(resource_of([page], inc("ts")), state)
        assert entry(state) == before


def test_3_3_a_failed_run_does_not_move_the_cursor() -> None:
    state: dict[str, Any] = {}

    @dlt.resource(name="t", incremental=inc("ts"))
    def fails() -> Any:
        yield {"id": 1, "ts": 1}
        raise RuntimeError("the source went away")

    with pytest.raises(ResourceError):
        list(evaluate([fails()], state=state))
    assert entry(state)["last_value"] is None


# ---- 3.8


def test_3_8_metrics() -> None:
    state: dict[str, Any] = {}
    run(resource_of([PAGE], inc("ts")), state)
    made = resource_of([[*PAGE, {"id": 9, "ts": 3}], [{"id": 5, "ts": 0}]], inc("ts"))
    list(evaluate([made], state=state))
    assert made.custom_metrics["incremental"] == [
        {
            "unfiltered_items_count": 5,
            "unfiltered_batches_count": 2,
            "initial_unique_hashes_count": 1,
            "final_unique_hashes_count": 2,
        }
    ]


def test_3_8_metrics_and_hints_in_the_info(own_folder: Any) -> None:
    pipeline = dlt.pipeline("measured", destination="duckdb")
    pipeline.run(resource_of([PAGE], inc("ts", initial_value=2, lag=1)))
    info = pipeline.last_trace.last_extract_info.asdict()
    (measured,) = [one for one in info["resource_metrics"] if one["resource_name"] == "t"]
    assert measured["incremental"] == [
        {
            "unfiltered_items_count": 3,
            "unfiltered_batches_count": 1,
            "initial_unique_hashes_count": 0,
            "final_unique_hashes_count": 0,
        }
    ]
    (hints,) = info["hints"]
    assert hints["incremental"] == {
        "cursor_path": "ts",
        "initial_value": 2,
        "end_value": None,
        "row_order": None,
        "allow_external_schedulers": None,
        "on_cursor_value_missing": "raise",
        "lag": 1,
        "range_start": "closed",
        "range_end": "open",
    }
