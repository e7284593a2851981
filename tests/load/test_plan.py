"""Plans as lists: what a package, a schema and a destination make of each other. Nothing is read or written here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dlt.errors import PackageError, PlanError
from dlt.load.plan import plan
from dlt.load.steps import Add, Commit, Copy, Create, Merge, Replace, Truncate
from dlt.package.manifest import NORMALIZED, Manifest, ShardFile
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import ROW, WAS, Column, Table

NOW = "2024-05-06T07:08:09+00:00"
ALL = ("delete-insert", "upsert", "scd2", "insert-only", "cdc")
SQL = Capabilities(
    merge_strategies=ALL,
    replace_strategies=("truncate-and-insert", "insert-from-staging", "staging-optimized"),
    transactions=True,
    alter_type=True,
)
FILES = replace(SQL, transactions=False, merge_strategies=(), alter_type=False)
KEY = {"primary_key": True, "nullable": False}
LINK = [
    Column("_dlt_parent_id", "text", nullable=False, parent_key=True),
    Column("_dlt_id", "text", nullable=False, row_key=True),
]


def root(name: str = "t", disposition: str = "append", extra: dict[str, Any] | None = None, **columns: Any) -> Table:
    made = [
        Column(key, **({"data_type": value} if isinstance(value, str) else value)) for key, value in columns.items()
    ]
    made.append(Column("_dlt_id", "text", nullable=False, row_key=True))
    return Table(name, {c.name: c for c in made}, resource=name, write_disposition=disposition, extra=extra or {})


def nested(name: str, parent: str, *more: Column) -> Table:
    return Table(name, {c.name: c for c in (Column("value", "bigint"), *LINK, *more)}, parent=parent)


def file(table: str, *columns: str, number: int = 1) -> ShardFile:
    return ShardFile(table, f"{number:05d}.arrow", "arrow", 3, 100, 0, columns or ("value",))


def planned(
    tables: list[Table],
    files: list[ShardFile] = [],  # noqa: B006
    *,
    there: list[Table] = [],  # noqa: B006
    caps: Capabilities = SQL,
    touched: tuple[str, ...] = (),
    **manifest: Any,
) -> list[Any]:
    """The steps without the last, which is the Commit."""
    names = tuple(dict.fromkeys([*(one.table for one in files), *touched]))
    package = Manifest("1", "p", "s", NOW, NORMALIZED, tuple(files), names, **manifest)
    rows = {"_dlt_loads": [{"load_id": "1"}]}
    *steps, last = plan(package, {t.name: t for t in tables}, {t.name: t for t in there}, caps, rows, NOW)
    assert last == Commit(rows)
    return steps


def refused(*args: Any, **kwargs: Any) -> PlanError:
    with pytest.raises(PlanError) as caught:
        planned(*args, **kwargs)
    assert caught.value.hint
    return caught.value


# ---- append


def test_append_to_a_new_table():
    t, items = root(id="bigint"), nested("t__items", "t")
    one, two = file("t"), file("t", number=2)

    assert planned([t, items], [one, two]) == [Create(t), Copy(t, (one, two))]


def test_append_brings_only_nested_tables_that_have_rows():
    t, items, other = root(id="bigint"), nested("t__items", "t"), nested("t__other", "t")
    one, two = file("t"), file("t__items")

    steps = planned([t, items, other], [one, two], there=[t])

    assert steps == [Create(items), Copy(t, (one,)), Copy(items, (two,))]


def test_nothing_to_load_is_only_a_commit():
    assert planned([root(id="bigint")], there=[root(id="bigint")]) == []


def test_a_table_that_takes_part_without_rows_is_made():
    t = root(id="bigint")

    assert planned([t], touched=("t",)) == [Create(t)]


def test_a_table_without_columns_is_not_made():
    assert planned([Table("t", {}, resource="t", write_disposition="append")], touched=("t",)) == []


def test_the_order_of_the_tables_in_the_schema_does_not_matter():
    t, items, deep = root(id="bigint"), nested("t__items", "t"), nested("t__items__deep", "t__items")
    files = [file("t__items__deep"), file("t__items"), file("t")]

    steps = planned([deep, t, items], files)

    assert steps == [Create(t), Create(items), Create(deep), *(Copy(x, (file(x.name),)) for x in (t, items, deep))]


def test_a_nested_table_without_rows_may_hold_one_that_has_some():
    t, items, deep = root(id="bigint"), nested("t__items", "t"), nested("t__items__deep", "t__items")

    assert planned([t, items, deep], [file(deep.name)], there=[t]) == [Create(deep), Copy(deep, (file(deep.name),))]


# ---- replace


def test_replace_empties_all_nested_tables_too():
    t, items, other = root(id="bigint", disposition="replace"), nested("t__items", "t"), nested("t__other", "t")
    one, two = file("t"), file("t__items")

    steps = planned([t, items, other], [one, two], there=[t, items, other])

    cleared = [Truncate("t"), Truncate("t__items"), Truncate("t__other")]
    assert steps == [*cleared, Copy(t, (one,)), Copy(items, (two,))]


def test_replace_without_rows_empties():
    t, items = root(id="bigint", disposition="replace"), nested("t__items", "t")

    assert planned([t, items], touched=("t",), there=[t, items]) == [Truncate("t"), Truncate("t__items")]


def test_c25_nothing_is_emptied_unless_replace_was_asked_in_this_run():
    replaced, merged = (
        root(id="bigint", disposition="replace"),
        root("m", disposition="merge", id={"data_type": "bigint", **KEY}),
    )
    appended = root("a", id="bigint")

    assert planned([replaced, merged, appended], there=[replaced, merged, appended]) == []
    assert planned([replaced, merged, appended], touched=("m", "a"), there=[replaced, merged, appended]) == []


def test_replace_where_steps_do_not_commit_together():
    t, items = root(id="bigint", disposition="replace"), nested("t__items", "t")
    one = file("t")

    steps = planned([t, items], [one], there=[t, items], caps=FILES)

    assert steps == [Copy(t, (one,), scratch=True), Copy(items, (), scratch=True), Replace((t, items))]


@pytest.mark.parametrize("strategy", ["truncate-and-insert", "insert-from-staging", "staging-optimized"])
def test_c28_any_replace_strategy_includes_tables_that_are_missing(strategy):
    t = root(id="bigint", disposition="replace", extra={"x-replace-strategy": strategy})
    one = file("t")

    assert planned([t], [one]) == [Create(t), Copy(t, (one,))]
    assert planned([t], [one], there=[t]) == [Truncate("t"), Copy(t, (one,))]


def test_unknown_replace_strategies_are_refused():
    t = root(id="bigint", disposition="replace", extra={"x-replace-strategy": "swap"})

    assert refused([t], [file("t")]).table == "t"
    one = replace(SQL, replace_strategies=("truncate-and-insert",))
    t = t.with_(extra={"x-replace-strategy": "staging-optimized"})
    assert "truncate-and-insert" in refused([t], [file("t")], caps=one).hint


# ---- merge


def merged(strategy: str | None = None, **more: Any) -> Table:
    extra = {"x-merge-strategy": strategy} if strategy else {}
    extra |= more.pop("extra", {})
    return root(disposition="merge", extra=extra, id={"data_type": "bigint", **KEY}, **more)


def scratch(table: Table, *files: ShardFile) -> Copy:
    return Copy(table.with_columns([Column(ROW, "bigint")]), files, scratch=True)


@pytest.mark.parametrize("strategy", [None, "delete-insert", "upsert", "insert-only", "cdc"])
def test_merge_goes_by_scratch_tables_of_the_whole_chain(strategy):
    t, items, deep = merged(strategy), nested("t__items", "t"), nested("t__items__deep", "t__items")
    one = file("t", "id", ROW)

    steps = planned([t, items, deep], [one], there=[t, items, deep])

    merge = Merge((t, items, deep), strategy or "delete-insert", NOW)
    assert steps == [scratch(t, one), scratch(items), scratch(deep), merge]


@pytest.mark.parametrize("strategy", ["delete-insert", "upsert", "insert-only"])
def test_merge_without_rows_does_nothing(strategy):
    t = merged(strategy)

    assert planned([t], touched=("t",), there=[t]) == []


@pytest.mark.parametrize("strategy", ["cdc", "scd2"])
def test_a_snapshot_without_rows_says_that_all_is_gone(strategy):
    t = merged(strategy, start={"extra": {"x-valid-from": True}}, end={"extra": {"x-valid-to": True}})

    assert planned([t], touched=("t",), there=[t]) == [scratch(t), Merge((t,), strategy, NOW)]
    assert planned([t], there=[t]) == []


def test_rows_of_scd2_may_come_with_the_ids_they_had():
    t = merged("scd2", start={"extra": {"x-valid-from": True}}, end={"extra": {"x-valid-to": True}})
    old, new = file("t", ROW, WAS), file("t", ROW, number=2)

    [copy, merge] = planned([t], [old, new], there=[t])

    assert list(copy.table.columns)[-2:] == [ROW, WAS]
    assert merge == Merge((t,), "scd2", NOW, was=True)


@pytest.mark.parametrize(
    ("strategy", "given"),
    [("delete-insert", {}), ("upsert", {"merge_key": True}), ("insert-only", {}), ("cdc", {"merge_key": True})],
)
def test_c29_a_merge_without_the_key_it_needs_is_refused(strategy, given):
    t = root(disposition="merge", extra={"x-merge-strategy": strategy}, id={"data_type": "bigint", **given})

    assert "key" in refused([t], [file("t", ROW)]).message


def test_a_merge_by_scope_needs_no_key():
    t = root(disposition="merge", extra={"x-merge-destination-scope": "{table}.id > 1"}, id="bigint")
    one = file("t", ROW)

    assert planned([t], [one], there=[t]) == [scratch(t, one), Merge((t,), "delete-insert", NOW)]


def test_scd2_needs_its_columns():
    error = refused([merged("scd2")], [file("t", ROW)])

    assert "validity" in error.message


def test_a_merge_with_nested_tables_needs_row_keys():
    t = Table("t", {"id": Column("id", "bigint", merge_key=True)}, resource="t", write_disposition="merge")

    assert "row key" in refused([t, nested("t__items", "t")], [file("t", ROW)]).message


def test_a_destination_that_cannot_merge():
    assert "append" in refused([merged()], [file("t")], caps=FILES).hint
    some = replace(SQL, merge_strategies=("delete-insert", "scd2"))
    assert refused([merged("upsert")], [file("t")], caps=some).hint == "it can: delete-insert, scd2"


def test_a_merge_reads_only_files_that_number_their_rows():
    with pytest.raises(PackageError) as caught:
        planned([merged()], [file("t", "id")])
    assert caught.value.file == "00001.arrow"


def test_a_nested_table_that_becomes_part_of_a_merge_gets_its_root_key_filled():
    key = Column("_dlt_root_id", "text", nullable=False, root_key=True)
    t, before, items = merged(), nested("t__items", "t"), nested("t__items", "t", key)

    steps = planned([t, items], [file("t", ROW)], there=[t, before])

    assert steps[0] == Add(items, (key.with_(nullable=True),), parent=t)


# ---- tables that are there


def test_c55_new_columns_may_be_null_whatever_the_schema_says():
    before, now = root(id="bigint"), root(id="bigint", label={"data_type": "text", "nullable": False})
    one = file("t")

    steps = planned([now], [one], there=[before])

    assert steps == [Add(now, (Column("label", "text"),)), Copy(now, (one,))]


def test_c24_what_was_dropped_by_hand_is_made_again():
    t, items = root(id="bigint", label="text"), nested("t__items", "t")
    one, two = file("t"), file("t__items")
    less = Table("t", {key: column for key, column in t.columns.items() if key != "label"})

    steps = planned([t, items], [one, two], there=[less])

    assert steps[:2] == [Add(t, (t.columns["label"],)), Create(items)]


def test_a_column_that_had_only_nulls_gets_its_type():
    before, now = root(id="bigint", v="text"), root(id="bigint", v="timestamp")

    assert planned([now], [file("t")], there=[before])[0] == Add(now, (), (now.columns["v"],))
    assert "text" in refused([now], [file("t")], there=[before], caps=replace(SQL, alter_type=False)).message


def test_a_column_without_a_type_is_left_alone():
    before, now = root(id="bigint", v="timestamp"), root(id="bigint", v={})

    assert planned([now], [file("t")], there=[before]) == [Copy(now, (file("t"),))]


def test_a_column_that_may_be_null_now():
    before, now = root(id={"data_type": "bigint", "nullable": False}), root(id="bigint")

    assert planned([now], [file("t")], there=[before])[0] == Add(now, (), (), (now.columns["id"],))
    assert planned([before], [file("t")], there=[now]) == [Copy(before, (file("t"),))]


def test_columns_that_only_the_destination_has_do_not_matter():
    t = root(id="bigint")

    assert planned([t], [file("t")], there=[root(id="bigint", more="text")]) == [Copy(t, (file("t"),))]


def test_names_at_the_destination_may_have_another_case():
    t, there = root(id="bigint"), root(ID="bigint")
    upper = Table("t", {**there.columns, "_DLT_ID": Column("_DLT_ID", "text", nullable=False)})

    assert planned([t], [file("t")], there=[upper]) == [Copy(t, (file("t"),))]
    tells_apart = planned([t], [file("t")], there=[there], caps=replace(SQL, case_sensitive=True))
    assert tells_apart[0] == Add(t, (t.columns["id"],))


FITS = [
    ("bigint", {"data_type": "bigint", "precision": 32}),
    ("decimal", {"data_type": "decimal", "precision": 10, "scale": 2}),
    ({"data_type": "decimal", "precision": 38, "scale": 0}, "wei"),
    ({"data_type": "timestamp", "timezone": False, "precision": 9}, {"data_type": "timestamp", "timezone": False}),
    ("text", "json"),
    ({"data_type": "text", "precision": 10}, "text"),
    ({"data_type": None}, "date"),
]
FITS_NOT = [
    ("bigint", "text", "text"),
    ("json", "text", "text"),
    ("bigint", "double", "double"),
    ("bool", "bigint", "bigint"),
    ("date", "timestamp", "timestamp"),
    ({"data_type": "bigint", "precision": 32}, "bigint", "bigint"),
    ({"data_type": "double", "precision": 24}, "double", "double"),
    ("decimal", {"data_type": "decimal", "precision": 38, "scale": 10}, "decimal(38,10)"),
    ("decimal", "wei", "wei(38,0)"),
    ("timestamp", {"data_type": "timestamp", "timezone": False}, "timestamp without zone"),
    ({"data_type": "timestamp", "timezone": False}, "timestamp", "timestamp"),
    ({"data_type": "timestamp", "precision": 3}, "timestamp", "timestamp"),
    ({"data_type": "time", "precision": 0}, "time", "time"),
]


@pytest.mark.parametrize(("there", "wanted"), FITS)
def test_types_at_the_destination_that_hold_every_value(there, wanted):
    assert planned([root(v=wanted)], [file("t")], there=[root(v=there)]) == [Copy(root(v=wanted), (file("t"),))]


@pytest.mark.parametrize(("there", "wanted", "name"), FITS_NOT)
def test_c54_c56_another_type_at_the_destination_is_refused(there, wanted, name):
    error = refused([root(v=wanted)], [file("t")], there=[root(v=there)])

    assert (error.table, error.column, error.in_schema) == ("t", "v", name)
    assert error.at_destination in error.message
    assert error.at_destination != name


def test_zones_do_not_matter_where_there_is_one_kind_of_timestamp():
    naive = {"data_type": "timestamp", "timezone": False}
    caps = replace(SQL, aware_timestamps=False)

    assert planned([root(v="timestamp")], [file("t")], there=[root(v=naive)], caps=caps)


# ---- refresh


def test_dropped_tables_go_first_and_are_made_again():
    t, items = root(id="bigint"), nested("t__items", "t")

    steps = planned([t, items], [file("t")], there=[t, items], dropped=("t", "t__items", "never_there"))

    assert steps == [Truncate("t", drop=True), Truncate("t__items", drop=True), Create(t), Copy(t, (file("t"),))]


def test_a_dropped_table_may_come_back_with_other_types():
    assert Create(root(v="text")) in planned([root(v="text")], [file("t")], there=[root(v="bigint")], dropped=("t",))


def test_truncated_tables_are_emptied_once():
    t, items = root(id="bigint", disposition="replace"), nested("t__items", "t")

    steps = planned([t, items], [file("t")], there=[t, items], truncated=("t", "never_there"))

    assert steps == [Truncate("t"), Truncate("t__items"), Copy(t, (file("t"),))]


# ---- names


def test_names_that_are_too_long():
    caps = replace(SQL, max_table_name=10, max_column_name=5)

    assert refused([root("table_name_x")], [file("table_name_x")], caps=caps).table == "table_name_x"
    error = refused([root(ąęźć="text").with_columns([])], [file("t")], caps=replace(caps, max_column_name=7))
    assert (error.column, error.message) == ("ąęźć", "A name has 8 bytes, the destination takes 7.")


def test_names_that_differ_only_by_case():
    assert refused([root(Id="bigint", ID="text")], [file("t")]).column == "ID"
    error = refused([root("Users"), root("users"), root("other")], [file("users")])
    assert (error.table, "'Users'" in error.message) == ("users", True)
    assert planned([root("Users"), root("users"), root("other")], [file("other")])
    assert planned([root(Id="bigint", ID="text")], [file("t")], caps=replace(SQL, case_sensitive=True))
