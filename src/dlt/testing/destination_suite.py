"""DestinationSuite: what every destination must do, as a pytest class to inherit.

    class TestMine(DestinationSuite):
        def make_destination(self, tmp_path):
            return mine(path=tmp_path / "data")

It works through `dlt.pipeline` and reads the tables back through a Session. What a destination does not declare in its
Capabilities is skipped; what it declares and does not do fails, and so does what it does and does not declare.
"""

from __future__ import annotations

import datetime as dt
import shutil
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dlt
from dlt.destinations.registry import create
from dlt.errors import DltError, NotBuilt, PlanError, RetryableError, StepFailed
from dlt.schema.model import LOADS, QUARANTINE, STATE, VERSION
from dlt.schema.naming import get_naming
from dlt.testing.destination_values import EDGES, MERGED, NON_FINITE, ONE, columns, kinds, plain
from dlt.testing.faults import Fault, Killed, faulty, widened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlt.load.session import Destination
    from dlt.pipeline.infos import LoadInfo
    from dlt.schema.capabilities import Capabilities

Row = dict[str, Any]
STRATEGIES = ("delete-insert", "upsert", "insert-only", "scd2", "cdc")
FORMATS = ("parquet", "jsonl", "csv", "insert_values")
DATASET = "suite_data"
THREE = ("a", "a__items", "r", "r__items", "m", "m__items")  # the tables of a load that is killed


class DestinationSuite:
    """Inherit from it and say how to make the destination."""

    tmp_path: Path
    destination: Destination

    def make_destination(self, tmp_path: Path) -> Any:
        """A factory as from `dlt.destinations`, or a Destination, that keeps its data under `tmp_path` or in memory."""
        raise NotImplementedError("Say how the destination is made: def make_destination(self, tmp_path).")

    # ---- what the tests use

    @pytest.fixture(autouse=True)
    def _made(self, tmp_path: Path) -> Iterator[None]:
        self.tmp_path = tmp_path
        self.destination = create(self.make_destination(tmp_path), pipeline_name="suite")
        yield
        dlt.pipeline("suite", pipelines_dir=tmp_path / "work").deactivate()

    @property
    def caps(self) -> Capabilities:
        """What the destination declares."""
        return self.destination.caps

    def pipeline(self, name: str = "suite", *, destination: Destination | None = None, **options: Any) -> dlt.Pipeline:
        """A pipeline to the destination; the same name goes on where the last one ended."""
        made = destination or self.destination
        options = {"dataset_name": DATASET, "pipelines_dir": self.tmp_path / "work", **options}
        return dlt.pipeline(name, destination=made, **options)

    def forget(self, name: str = "suite") -> None:
        """Delete the work directory of a pipeline."""
        shutil.rmtree(self.tmp_path / "work" / name)

    def rows(self, table: str, dataset: str = DATASET) -> list[Row]:
        """All rows of a table, as they are at the destination."""
        with closing(self.destination.open(dataset, None)) as session:
            return list(session.read(table).read_all().to_pylist())

    def values(self, table: str, *names: str, dataset: str = DATASET) -> list[Any]:
        """Some columns of a table, sorted; of one column the values themselves."""
        found = [tuple(row.get(name) for name in names) for row in self.rows(table, dataset)]
        return sorted([row[0] for row in found] if len(names) == 1 else found, key=repr)

    def content(self, *tables: str, dataset: str = DATASET) -> dict[str, list[str]]:
        """Rows without dlt's own columns, in an order of their own; without nulls where new columns come before the rows."""
        with closing(self.destination.open(dataset, None)) as session:
            found = {name: session.read(name).read_all().to_pylist() for name in tables}
        nulls = self.caps.ddl_transactions
        return {name: sorted(repr(_own(row, nulls=nulls)) for row in rows) for name, rows in found.items()}

    def needs(self, *names: str) -> None:
        """Skip the test when the destination does not declare one of these capabilities."""
        for name in names:
            if not getattr(self.caps, name):
                pytest.skip(f"the destination declares {name}={getattr(self.caps, name)!r}")

    # ---- types

    def test_every_type_comes_back(self) -> None:
        self.needs("dlt_columns")
        row = {f"c_{kind}": ONE[kind] for kind in kinds(self.caps)}
        self.pipeline().run([row, dict.fromkeys(row), row], table_name="every", columns=columns(self.caps))

        found = self.rows("every")

        assert len(found) == 3
        for kind in kinds(self.caps):
            given = [None, ONE[kind], ONE[kind]]
            assert sorted((plain(one[f"c_{kind}"], kind, self.caps) for one in found), key=_nulls_first) == given, kind

    @pytest.mark.parametrize("kind", ONE)
    def test_edges_of_a_type_come_back(self, kind: str) -> None:
        self.needs("dlt_columns")
        if kind not in kinds(self.caps):
            pytest.skip(f"the destination declares decimal_digits={self.caps.decimal_digits}")
        data = [{"n": n, f"c_{kind}": value} for n, value in enumerate(EDGES[kind])]
        self.pipeline().run(data, table_name="edges", columns=columns(self.caps, kind))

        found = {row["n"]: plain(row[f"c_{kind}"], kind, self.caps) for row in self.rows("edges")}

        assert found == {n: plain(value, kind, self.caps) for n, value in enumerate(EDGES[kind])}

    @pytest.mark.parametrize("file_format", FORMATS)
    def test_every_type_in_every_file_format(self, file_format: str) -> None:
        declared = file_format in self.caps.file_formats
        formats = tuple(dict.fromkeys((*self.caps.file_formats, file_format)))
        row = {f"c_{kind}": ONE[kind] for kind in kinds(self.caps)}
        empty = {"c_text": ""}
        pipeline = self.pipeline(destination=widened(self.destination, file_formats=formats))

        def load() -> bool:
            pipeline.run([row, empty], table_name="t", columns=columns(self.caps), loader_file_format=file_format)
            found = sorted(self.rows("t"), key=lambda one: str(one["c_text"]))
            pairs = zip(found, (empty, row), strict=True)
            return all(plain(one[c], c[2:], self.caps) == given.get(c) for one, given in pairs for c in row)

        self.is_declared(f"file_formats: {file_format}", load, declared=declared)

    def is_declared(self, what: str, works: Any, *, declared: bool) -> None:
        """Fail when something works and is not declared, or is declared and does not work."""
        if declared:
            assert works(), what
            return
        try:
            did = works()
        except DltError:
            did = False
        if did:
            pytest.fail(f"{what} works, but the destination does not declare it")
        pytest.skip(f"the destination does not declare {what}")

    def test_numbers_that_are_not_finite(self) -> None:
        pipeline = self.pipeline(destination=widened(self.destination, non_finite=True))

        def load() -> bool:
            pipeline.run([{"v": value} for value in (*NON_FINITE, 1.0)], table_name="t")
            return sorted(map(str, self.values("t", "v"))) == ["-inf", "1.0", "inf", "nan"]

        self.is_declared("non_finite", load, declared=self.caps.non_finite)

    def test_zero_bytes_in_text(self) -> None:
        pipeline = self.pipeline(destination=widened(self.destination, nul_in_text=True))

        def load() -> bool:
            pipeline.run([{"v": "a\x00b"}, {"v": "\x00"}], table_name="t")
            return self.values("t", "v") == ["\x00", "a\x00b"]

        self.is_declared("nul_in_text", load, declared=self.caps.nul_in_text)

    def test_naive_timestamps_stay_naive(self) -> None:
        self.needs("naive_timestamps", "dlt_columns")
        moment = dt.datetime(2024, 1, 2, 3, 4, 5, 6)  # noqa: DTZ001 - naive
        self.pipeline().run([{"v": moment}], table_name="t")

        assert self.values("t", "v") == [moment]

    # ---- names

    def test_keys_of_any_form_become_columns(self) -> None:
        self.needs("dlt_columns")
        keys = [
            "select",
            "ORDER",
            "camelCase",
            "with space",
            'quo"te',
            "apo'strophe",
            "ünïcode",
            "1st",
            "x" * 300,
            "%s",
            ";",
        ]
        names = dict(zip(keys, range(len(keys)), strict=True))
        self.pipeline().run([names], table_name="group")

        [row] = self.rows("group")

        assert sorted(_own(row).values()) == list(names.values())

    @pytest.mark.parametrize("table", ["select", "Mixed Case", "ünï", "t" * 300, "_under", 'quo"te'])
    def test_tables_of_any_name(self, table: str) -> None:
        self.needs("dlt_columns")
        pipeline = self.pipeline()
        for number in range(2):
            pipeline.run([{"id": number, "items": [{"n": number}]}], table_name=table)
        name = pipeline.default_schema.naming.normalize_table_identifier(table)

        assert self.values(name, "id") == [0, 1]
        [nested] = [one for one in pipeline.default_schema.data_table_names() if one != name]
        assert self.values(nested, "n") == [0, 1]

    def test_names_as_the_user_wrote_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.needs("dlt_columns")
        if get_naming(self.caps.naming, None).name() not in ("snake_case", "direct"):
            pytest.skip(f"the destination declares naming={self.caps.naming!r}")
        monkeypatch.setenv("SCHEMA__NAMING", "direct")
        keys = ["Id", "two words", "ünïcode", "select", "a.b", "x-y", "%d", "(1)"]
        pipeline = self.pipeline()
        for number in range(2):
            pipeline.run([dict.fromkeys(keys, number)], table_name="Order Lines")

        assert [{key: row[key] for key in keys} for row in self.rows("Order Lines")] in (
            [dict.fromkeys(keys, 0), dict.fromkeys(keys, 1)],
            [dict.fromkeys(keys, 1), dict.fromkeys(keys, 0)],
        )

    def test_names_that_differ_only_by_case(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.needs("dlt_columns")
        monkeypatch.setenv("SCHEMA__NAMING", "direct")
        self.pipeline().run([{"id": 1, "ID": 2, "Id": 3}], table_name="t")

        [row] = self.rows("t")

        assert sorted(_own(row).values()) == [1, 2, 3]

    # ---- write dispositions

    def test_append(self) -> None:
        pipeline = self.pipeline()
        for number in range(3):
            pipeline.run([{"id": number}, {"id": number}], table_name="t")

        assert self.values("t", "id") == [0, 0, 1, 1, 2, 2]

    def test_many_rows_in_many_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATA_WRITER__FILE_MAX_ITEMS", "1000")
        rows = ({"id": number, **({"late": "x"} if number > 3500 else {})} for number in range(5000))
        self.pipeline().run(rows, table_name="t")

        assert sorted(row["id"] for row in self.rows("t")) == list(range(5000))
        assert sum(row["late"] is None for row in self.rows("t")) == 3501

    def test_replace(self) -> None:
        pipeline = self.pipeline()
        pipeline.run([{"id": 1, "items": [1, 2]}, {"id": 2}], table_name="t", write_disposition="replace")
        pipeline.run([{"id": 3, "items": [3]}], table_name="t", write_disposition="replace")
        assert (self.values("t", "id"), self.values("t__items", "value")) == ([3], [3])

        pipeline.run([{"id": 4}], table_name="t", write_disposition="replace")
        assert (self.values("t", "id"), self.rows("t__items")) == ([4], [])

        pipeline.run(dlt.resource([], name="t", write_disposition="replace"))
        assert (self.rows("t"), self.rows("t__items")) == ([], [])

    @pytest.mark.parametrize("name", ["truncate-and-insert", "insert-from-staging", "staging-optimized"])
    def test_replace_strategies(self, name: str) -> None:
        if name not in self.caps.replace_strategies:
            pytest.skip(f"the destination declares replace_strategies={self.caps.replace_strategies}")
        replaced = dlt.resource(
            [{"id": 1, "items": [1]}], name="t", write_disposition="replace", columns={"id": {"data_type": "bigint"}}
        )
        replaced.apply_hints(additional_table_hints={"x-replace-strategy": name})
        for _ in range(2):
            self.pipeline().run(replaced)

        assert (self.values("t", "id"), self.values("t__items", "value")) == ([1], [1])

    def test_a_replace_that_fails_leaves_the_old_rows(self) -> None:
        self.needs("dlt_columns")
        before = [{"id": 1, "items": [1]}]
        self.pipeline().run(before, table_name="t", write_disposition="replace")
        for number in count(1):
            fault = Fault(number, PlanError("broken on purpose"))
            pipeline = self.pipeline(destination=faulty(self.destination, fault))
            with pytest.raises(StepFailed):
                pipeline.run([{"id": 2, "items": [2]}], table_name="t", write_disposition="replace")
            pipeline.abort_packages()
            if fault.step in ("Replace", "Commit") and not self.caps.transactions:
                break
            assert (self.values("t", "id"), self.values("t__items", "value")) == ([1], [1]), fault.step
            if fault.step == "Commit":
                break

    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_merge_strategies(self, strategy: str) -> None:
        every = tuple(dict.fromkeys((*self.caps.merge_strategies, strategy)))
        pipeline = self.pipeline(destination=widened(self.destination, merge_strategies=every))
        keys: dict[str, Any] = {} if strategy == "scd2" else {"primary_key": "id"}

        def merge(*rows: Row) -> None:
            how = {"disposition": "merge", "strategy": strategy}
            pipeline.run(list(rows), table_name="t", write_disposition=how, **keys)

        def load() -> bool:
            merge({"id": 1, "v": "a", "items": [1, 2]}, {"id": 2, "v": "b", "items": [3]})
            merge({"id": 2, "v": "c", "items": []}, {"id": 3, "v": "d", "items": [4, 5]})
            active = [row for row in self.rows("t") if row.get("_dlt_valid_to") is None]
            roots = [(row["id"], row["v"]) for row in active]
            nested = [
                (ids[row["_dlt_parent_id"]], row["value"]) for ids in [self._ids("t")] for row in self.rows("t__items")
            ]
            return bool((sorted(roots), sorted(nested), len(self.rows("t"))) == MERGED[strategy])

        self.is_declared(f"merge_strategies: {strategy}", load, declared=strategy in self.caps.merge_strategies)

    def _ids(self, table: str) -> dict[str, Any]:
        return {row["_dlt_id"]: row["id"] for row in self.rows(table)}

    @pytest.mark.parametrize("strategy", ["delete-insert", "upsert", "insert-only", "cdc"])
    def test_in_a_merge_the_last_row_of_a_key_wins(self, strategy: str) -> None:
        self._needs_merge(strategy)
        how = {"disposition": "merge", "strategy": strategy}
        rows = [{"id": 1, "v": "a", "items": [1]}, {"id": 1, "v": "b", "items": [2]}, {"id": 1, "v": "c", "items": []}]
        self.pipeline().run(rows, table_name="t", write_disposition=how, primary_key="id")

        assert (self.values("t", "id", "v"), self.rows("t__items")) == ([(1, "c")], [])

    @pytest.mark.parametrize("strategy", ["delete-insert", "upsert", "cdc"])
    def test_a_merge_deletes(self, strategy: str) -> None:
        self._needs_merge(strategy)
        how = {"disposition": "merge", "strategy": strategy}
        hints: dict[str, Any] = {"gone": {"hard_delete": True, "data_type": "bool"}, "v": {"nullable": False}}
        pipeline = self.pipeline()
        for rows in (
            [{"id": 1, "v": "a", "gone": False, "items": [1]}, {"id": 2, "v": "b", "gone": None, "items": [2]}],
            [{"id": 1, "gone": True}, {"id": 2, "v": "b"}, {"id": 3, "gone": True}],
        ):
            pipeline.run(rows, table_name="t", write_disposition=how, primary_key="id", columns=hints)

        assert self.values("t", "id", "v") == [(2, "b")]
        assert 1 not in self.values("t__items", "value")

    @pytest.mark.parametrize(("order", "stays"), [("asc", 1), ("desc", 3)])
    def test_a_merge_sorts_before_it_chooses(self, order: str, stays: int) -> None:
        self._needs_merge("delete-insert")
        rows = [{"id": 1, "v": 2}, {"id": 1, "v": 3}, {"id": 1, "v": 1}]
        hints: dict[str, Any] = {"v": {"dedup_sort": order}}
        self.pipeline().run(rows, table_name="t", write_disposition="merge", primary_key="id", columns=hints)

        assert self.values("t", "v") == [stays]

    @pytest.mark.parametrize("strategy", ["upsert", "cdc"])
    def test_a_merge_skips_rows_that_did_not_change(self, strategy: str) -> None:
        self._needs_merge(strategy)
        how = {"disposition": "merge", "strategy": strategy, "skip_unchanged_rows": True}
        pipeline = self.pipeline()
        loads = [
            self._load_id(pipeline.run(rows, table_name="t", write_disposition=how, primary_key="id"))
            for rows in ([{"id": 1, "v": 1}, {"id": 2, "v": 1}], [{"id": 1, "v": 1}, {"id": 2, "v": 2}])
        ]

        assert loads == [one for _, one in self.values("t", "id", "_dlt_load_id")]

    @pytest.mark.parametrize("option", ["source_filter", "destination_scope"])
    def test_conditions_of_a_merge(self, option: str) -> None:
        self._needs_merge("delete-insert")
        condition = {"source_filter": "v > 0", "destination_scope": "{table}.v > 0"}[option]
        how = {"disposition": "merge", "strategy": "delete-insert", option: condition}
        pipeline = self.pipeline()
        try:
            for rows in ([{"id": 1, "v": 1}, {"id": 2, "v": 0}], [{"id": 2, "v": 5}, {"id": 3, "v": 0}]):
                pipeline.run(rows, table_name="t", write_disposition=how, primary_key="id")
        except StepFailed as error:
            if isinstance(error.__cause__, NotBuilt):
                pytest.skip("the destination says that it does not read conditions")
            raise
        expected = {"source_filter": [(1, 1), (2, 5)], "destination_scope": [(2, 0), (2, 5), (3, 0)]}

        assert self.values("t", "id", "v") == expected[option]

    @staticmethod
    def _load_id(info: LoadInfo | None) -> str:
        assert info is not None
        return info.loads_ids[0]

    def _needs_merge(self, strategy: str) -> None:
        if strategy not in self.caps.merge_strategies:
            pytest.skip(f"the destination declares merge_strategies={self.caps.merge_strategies}")

    def test_a_table_that_was_appended_to_can_be_merged(self) -> None:
        self._needs_merge("delete-insert")
        pipeline = self.pipeline()
        pipeline.run([{"id": 1, "a": [{"b": [1]}]}, {"id": 2, "a": [{"b": [2]}]}], table_name="t")
        pipeline.run([{"id": 2, "a": [{"b": [3]}]}], table_name="t", write_disposition="merge", primary_key="id")

        assert (self.values("t", "id"), self.values("t__a__b", "value")) == ([1, 2], [1, 3])
        ids = self._ids("t")
        assert sorted((ids[row["_dlt_root_id"]], row["value"]) for row in self.rows("t__a__b")) == [(1, 1), (2, 3)]

    # ---- nested tables and changes of schema

    def test_nested_tables_join_to_their_parents(self) -> None:
        self.needs("dlt_columns")
        if self.caps.max_table_nesting == 0:
            pytest.skip("the destination declares max_table_nesting=0")
        orders = [{"id": n, "lines": [{"sku": s, "parts": [n, n + 1]} for s in "ab"]} for n in (1, 5)]
        self.pipeline().run(orders, table_name="orders")

        ids = self._ids("orders")
        lines = {
            row["_dlt_id"]: (ids[row["_dlt_parent_id"]], row["sku"], row["_dlt_list_idx"])
            for row in self.rows("orders__lines")
        }
        parts = [
            (*lines[row["_dlt_parent_id"]], row["value"], row["_dlt_list_idx"])
            for row in self.rows("orders__lines__parts")
        ]

        assert sorted(parts) == [(n, s, "ab".index(s), n + k, k) for n in (1, 5) for s in "ab" for k in (0, 1)]

    def test_tables_grow_with_the_data(self) -> None:
        self.needs("dlt_columns")
        pipeline = self.pipeline()
        for row in ({"id": 1}, {"id": 2, "new": "x"}, {"id": 3, "items": [1]}, {"new": "y", "later": 1.5}):
            pipeline.run([row], table_name="t")

        expected = [(1, None, None), (2, "x", None), (3, None, None), (None, "y", 1.5)]
        assert self.values("t", "id", "new", "later") == sorted(expected, key=repr)
        assert self.values("t__items", "value") == [1]

    @pytest.mark.parametrize("kind", [kind for kind in ONE if kind != "json"])
    def test_a_column_of_nulls_exists_and_gets_its_type_later(self, kind: str) -> None:
        self.needs("dlt_columns")
        if kind not in kinds(self.caps):
            pytest.skip(f"the destination declares decimal_digits={self.caps.decimal_digits}")
        pipeline = self.pipeline()
        pipeline.run([{"id": 1, "v": None}], table_name="t")
        assert "v" in self.rows("t")[0]

        pipeline.run([{"id": 2, "v": ONE[kind]}], table_name="t")
        assert {row["id"]: plain(row["v"], kind, self.caps) for row in self.rows("t")} == {1: None, 2: ONE[kind]}

    def test_a_value_of_another_type_is_kept(self) -> None:
        self.needs("dlt_columns")
        pipeline = self.pipeline()
        for value in (1, "many", 2.5):
            pipeline.run([{"v": value}], table_name="t")

        kept = [
            value for row in self.rows("t") for key, value in row.items() if key.startswith("v") and value is not None
        ]
        assert sorted(map(str, kept)) == ["1", "2.5", "many"]

    def test_rows_that_cannot_be_loaded_are_in_the_quarantine(self) -> None:
        self.needs("keeps_state", "dlt_columns")
        pipeline = self.pipeline()
        pipeline.run(
            [{"id": 1}, {"id": 2, "x": object()}, {"id": None}], table_name="t", columns={"id": {"nullable": False}}
        )

        lost = self.rows(QUARANTINE)
        assert len(self.rows("t")) + sum(row["whole_row"] for row in lost) == 3
        assert lost
        assert {row["table_name"] for row in lost} == {"t"}
        assert all(row["reason"] and row["row"] for row in lost)

    # ---- what dlt keeps at the destination

    def test_loads_versions_and_states(self) -> None:
        self.needs("keeps_state")
        pipeline = self.pipeline()
        loads = [self._load_id(pipeline.run([{"id": number}], table_name="t")) for number in range(3)]
        hashed = pipeline.default_schema.version_hash

        assert self.values(LOADS, "load_id", "status") == [(load, 0) for load in loads]
        assert self.values(LOADS, "schema_name", "schema_version_hash") == [("suite", hashed)] * 3
        assert self.values(VERSION, "schema_name", "version_hash") == [("suite", hashed)]
        [state] = self.rows(STATE)
        assert (state["pipeline_name"], state["version"], state["_dlt_load_id"]) == ("suite", 1, loads[0])
        ages = [row["inserted_at"] for row in self.rows(LOADS)] + [row["created_at"] for row in self.rows(STATE)]
        now = dt.datetime.now(dt.UTC)
        assert all(abs(now - plain(age, "timestamp", self.caps)) < dt.timedelta(minutes=5) for age in ages)

    def test_state_and_schema_come_back_when_the_work_directory_is_lost(self) -> None:
        self.needs("keeps_state")

        def counted() -> Iterator[Row]:
            state = dlt.current.resource_state()
            state["runs"] = state.get("runs", 0) + 1
            yield {"run": state["runs"], "items": [{"n": state["runs"]}]}

        for _ in range(2):
            self.pipeline().run(dlt.resource(counted, name="t"))
        before = self.pipeline().default_schema.version_hash
        for _ in range(2):
            self.forget()
            self.pipeline().run(dlt.resource(counted, name="t"))

        assert (self.values("t", "run"), self.values("t__items", "n")) == ([1, 2, 3, 4], [1, 2, 3, 4])
        assert self.pipeline().default_schema.version_hash == before
        assert len(self.rows(VERSION)) == 1

    def test_datasets_and_pipelines_do_not_mix(self) -> None:
        self.needs("has_dataset")
        self.pipeline().run([{"id": 1}], table_name="t")
        self.pipeline("other").run([{"id": 2}], table_name="u")
        self.pipeline("third", dataset_name="elsewhere").run([{"id": 3}], table_name="t")

        assert [self.values(name, "id") for name in "tu"] == [[1], [2]]
        assert self.values("t", "id", dataset="elsewhere") == [3]
        if self.caps.keeps_state:
            assert self.values(STATE, "pipeline_name") == ["other", "suite"]

    @pytest.mark.parametrize("mode", ["drop_sources", "drop_resources", "drop_data"])
    def test_refresh(self, mode: str) -> None:
        self.needs("keeps_state")
        pipeline = self.pipeline()
        pipeline.run([{"id": 1, "old": "x", "items": [1]}], table_name="t")
        pipeline.run([{"id": 9}], table_name="other")
        pipeline.run([{"id": 2, "items": [2]}], table_name="t", refresh=mode)

        assert (self.values("t", "id"), self.values("t__items", "value")) == ([2], [2])
        assert ("old" in self.rows("t")[0]) is (mode == "drop_data")
        assert self.values("other", "id") == ([] if mode == "drop_sources" else [9])

    # ---- failures

    def test_a_passing_trouble_is_tried_again(self) -> None:
        fault = Fault(2, RetryableError("a lock"))
        pipeline = self.pipeline(destination=faulty(self.destination, fault))
        pipeline.run([{"id": 1, "items": [1, 2]}], table_name="t")

        assert fault.happened
        assert (self.values("t", "id"), self.values("t__items", "value")) == ([1], [1, 2])

    def test_killed_at_any_step_and_started_again(self) -> None:
        self.needs("keeps_state")
        self._two_loads("whole")
        whole = self.content(*THREE, dataset="whole")
        steps = []
        for number in count(1):
            fault = Fault(number, Killed())
            self._kill(f"kill_{number}", fault, whole)
            steps.append(fault.step)
            if fault.step == "Commit":
                break
        self._kill("kill_after", Fault(len(steps), Killed(), after=True), whole)
        assert len(steps) > 3

    def _kill(self, name: str, fault: Fault, whole: dict[str, list[str]]) -> None:
        """Kill the second of two loads, look at what is there, and start it again."""
        held = self._two_loads(name, fault)
        now = self.content(*THREE, dataset=name)
        assert fault.happened
        if self.caps.transactions:
            assert now == (whole if fault.after and fault.step == "Commit" else held), fault.step
        assert now["r"] in (held["r"], whole["r"]), fault.step
        self.pipeline(name, dataset_name=name).run()
        assert self.content(*THREE, dataset=name) == whole, fault.step
        assert len(self.rows(LOADS, name)) == 2, fault.step

    def _two_loads(self, name: str, fault: Fault | None = None) -> dict[str, list[str]]:
        """Two loads of three tables; the second with a fault. Returns what was there before the second."""
        merge: dict[str, Any] = {"write_disposition": "append"}
        if "delete-insert" in self.caps.merge_strategies:
            merge = {"write_disposition": "merge", "primary_key": "id"}

        def load(pipeline: dlt.Pipeline, rows: Sequence[Row]) -> None:
            pipeline.run(
                [
                    dlt.resource(list(rows), name="a"),
                    dlt.resource(list(rows), name="r", write_disposition="replace"),
                    dlt.resource(list(rows), name="m", **merge),
                ]
            )

        load(self.pipeline(name, dataset_name=name), [{"id": 1, "items": [1]}, {"id": 2, "items": [2]}])
        held = self.content(*THREE, dataset=name)
        destination = faulty(self.destination, fault) if fault else self.destination
        try:
            load(
                self.pipeline(name, destination=destination, dataset_name=name), [{"id": 2, "items": [3, 4], "new": 1}]
            )
        except Killed:
            assert fault
        return held


def _own(row: Row, *, nulls: bool = True) -> Row:
    """A row without dlt's columns, and without nulls."""
    return {key: value for key, value in row.items() if not key.startswith("_dlt") and (nulls or value is not None)}


def _nulls_first(value: Any) -> bool:
    return value is not None
