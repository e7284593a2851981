"""One incremental in one run: which rows are new, how far they go, and what the state remembers of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from dlt.errors import NotBuilt, ResourceError, SchemaError
from dlt.extract.boundary import HASH_LENGTH, MOST_HASHES, Sketch, as_stored, hash_of, kept, number
from dlt.extract.cursor import (
    Columnar,
    Listed,
    Taken,
    fits,
    listed,
    opened,
    plain_rows,
    rows_of_table,
    select,
    take_rows,
    take_table,
)
from dlt.extract.order import Keys, OrderError, adapted, bound_key, keys_of, lagged
from dlt.extract.pipe import kind_of
from dlt.extract.versions import Versions

if TYPE_CHECKING:
    import datetime as dt

    from dlt.extract.incremental import Incremental

KEEP_OR_LEAVE = 'on_cursor_value_missing="include" keeps such rows, "exclude" leaves them out'
logger = logging.getLogger("dlt")
Column = Listed | Columnar


class Tracker:
    """Filters the pages of one resource and moves its cursor.

    state: of the resource; None when nothing is remembered. key: the columns whose values tell rows apart; () when rows at
    the last value need not be told apart; None: all columns. key_before: the same as dlt 1.x did, whose states may be there.
    merged_by: the key by which the destination replaces rows.
    """

    def __init__(
        self,
        given: Incremental[Any],
        resource_name: str,
        state: dict[str, Any] | None,
        zone: dt.tzinfo,
        *,
        key: Sequence[str] | None = None,
        key_before: Sequence[str] | None = None,
        merged_by: Sequence[str] | None = None,
        limited: bool = False,
    ) -> None:
        self.given, self.resource_name, self.zone = given, resource_name, zone
        self.newest = {"max": True, "min": False}.get(given.func_name)
        self.declared = given.cursor_type
        self.state = None if given.end_value is not None else state
        self.entry = self._entry()
        self.before = self.entry["last_value"] if self.entry.get("last_value") is not None else given.initial_value
        self.last: Any = self.before
        self.start, self.end = self.before, given.end_value
        self.start = self._start()
        same = given.range_start == "closed" and self.end is None and not (given.lag and self.newest is not None)
        self.key = key if same else ()
        ours = self.entry if self.entry.get("of") == _seal(self.entry) else {}  # else dlt 1.x changed the state since
        self.versions: Versions | None = None
        if merged_by and same and self.state is not None:
            self.versions = Versions(merged_by, ours.get("versions") or ())
        self.marks = self.key is None and bool(key_before)  # the hashes are others than dlt 1.x would have made
        hashes = self.entry.get("unique_hashes") or ()
        rows = ours.get("rows") if self.marks else None
        self.key_before = key_before if self.marks else None
        self.old_key = self.key_before if rows is None else None
        self.by_key = as_stored(hashes) if self.marks else set()
        self.stored = as_stored(hashes if rows is None else rows) if self.exact else set()
        if self.key is None:
            self.stored |= set(ours.get("versions") or ())  # of runs that merged
        self.before_1_29 = any(len(one) > HASH_LENGTH for one in hashes)
        known = ours.get("boundary") if self.exact else None
        self.sketch = Sketch.from_state(known) if known else None
        self.ahead = set(self.entry.get("ahead") or ()) if self.exact else set()
        self.boundary = set(self.stored)
        self.passed: set[str] | None = set() if limited and self.exact and not self.goes_forward else None
        self.held: list[tuple[Any, Any, list[str]]] = []  # rows, their mark, their hashes
        self.mark: Any = None
        self.unordered = self.start_out = self.end_out = self.warned = self.moved = False
        self.edge: Any = None  # the value of the last row
        self.metrics = {
            "unfiltered_items_count": 0,
            "unfiltered_batches_count": 0,
            "initial_unique_hashes_count": self.sketch.count if self.sketch else len(self.stored),
            "final_unique_hashes_count": 0,
        }

    def _entry(self) -> dict[str, Any]:
        if self.state is None:
            return {}
        first = {
            "initial_value": self.given.initial_value,
            "last_value": self.given.initial_value,
            "unique_hashes": [],
            "start_value": self.given.initial_value,
        }
        found: dict[str, Any] = self.state.setdefault("incremental", {}).setdefault(self.given.cursor_path, first)
        return found

    def _start(self) -> Any:
        given = self.given
        if not given.lag or self.newest is None or given.end_value is not None or self.entry.get("last_value") is None:
            return self.before
        limit, declared = given.initial_value, self.declared
        try:
            return lagged(self.before, given.lag, self.zone, newest=self.newest, limit=limit, declared=declared)
        except OrderError as wrong:
            raise self.failed(wrong) from None

    @property
    def exact(self) -> bool:
        """Whether rows at the last value are told apart."""
        return self.key is None or bool(self.key)

    @property
    def goes_forward(self) -> bool:
        """Whether rows come in the direction of the cursor, as the code says."""
        order = self.given.row_order
        return order is not None and self.newest is not None and (order == "asc") == self.newest

    @property
    def done(self) -> bool:
        """True when no later row can be in the range: the code says in which order they come."""
        if self.given.row_order is None or self.newest is None or self.unordered:
            return False
        return self.end_out if self.goes_forward else self.start_out

    def failed(self, wrong: OrderError) -> SchemaError:
        return SchemaError(
            f"The cursor {self.given.cursor_path!r} of the resource {self.resource_name!r} cannot be followed: {wrong}.",
            resource=self.resource_name,
            cursor=self.given.cursor_path,
            start_value=None if self.start is None else repr(self.start),
            end_value=None if self.end is None else repr(self.end),
            hint=wrong.hint,
        )

    def advance(self, value: Any) -> None:
        """Move the cursor on to a value, if it is not there already."""
        call, last = self.given.last_value_func, self.last
        try:
            if last is None or self.newest is None:
                moved = call((value,) if last is None else (value, last))
            else:
                like = keys_of([value], self.declared)
                key = self.bound(last, like)
                moved = last if call((like.keys[0], key)) == key else value
        except OrderError as wrong:
            raise self.failed(wrong) from None
        if last is None or moved != last:
            self.last, self.moved = moved, True
            self.forget_last()

    # ---- pages

    def with_rows(self, rows: Sequence[Any]) -> Tracker:
        """A copy as this will be once these rows have come."""
        made = copy(self)
        made.metrics, made.held = dict(self.metrics), list(self.held)
        made.boundary, made.by_key = set(self.boundary), set(self.by_key)
        made.passed, made.versions = None, None
        made.admit([row.data if kind_of(type(row)) == "mark" else row for row in rows if row is not None])
        return made

    def pass_over(self, item: Any) -> None:
        """Look at rows that a limit leaves out: only whether they come in the order that was declared."""
        if self.given.row_order is not None and not self.unordered:
            seen = self.with_rows(())
            seen.admit(item)
            self.unordered = seen.unordered

    def admit(self, item: Any, mark: Any = None) -> Any:
        """What is new of a row, a page or a table; None when nothing is."""
        page: Any = item
        self.mark = mark
        table = type(item) is not list and kind_of(type(item)) == "table"
        if table:
            page = opened(item)
        elif type(item) is not list:
            page = [item]
        rows = rows_of_table(page) if table else len(page)
        self.metrics["unfiltered_items_count"] += rows
        self.metrics["unfiltered_batches_count"] += 1
        whole = page if table else item  # a stream of Arrow can be read only once
        if not rows:
            return whole
        try:
            taken = self.taken(page, table=table)
            column = self.cut(page, taken, table=table) if len(taken.column) else taken.column
        except OrderError as wrong:
            raise self.failed(wrong) from None
        loose = [*taken.without, *taken.absent] if self.given.on_cursor_value_missing == "include" else []
        count = len(column) + len(loose)
        if count == rows:
            return whole
        if not count:
            return None
        positions: Any = column.positions
        if loose:
            positions = sorted([*(positions if isinstance(column, Listed) else positions.to_pylist()), *loose])
        left = select(page, positions)
        return left if table or type(item) is list else left[0]

    def taken(self, page: Any, *, table: bool) -> Taken:
        path = self.given.cursor_path
        taken = (take_table if table else take_rows)(page, path, self.declared)
        if self.given.on_cursor_value_missing == "raise" and (taken.absent or taken.without):
            row = plain_rows(page, [(taken.absent or taken.without)[0]])[0]
            what = "does not have" if taken.absent else "has no value in"
            raise ResourceError(
                f"A row of the resource {self.resource_name!r} {what} the cursor {path!r}.",
                resource=self.resource_name,
                cursor=path,
                row=repr(row)[:200],
                hint=_way_out(path, row) if taken.absent else KEEP_OR_LEAVE,
            )
        return taken

    def bound(self, value: Any, like: Keys) -> Any:
        if value is None:
            return None
        if not self.warned and adapted(value, like):
            self.warned = True
            logger.warning(
                "The cursor %s of %s: %s is read in the time zone %s, as the rows %s one.",
                self.given.cursor_path,
                self.resource_name,
                value,
                self.zone,
                "have" if like.aware else "do not have",
            )
        return bound_key(value, like, self.declared, self.zone)

    def cut(self, page: Any, taken: Taken, *, table: bool) -> Column:
        """The rows of a page that are in the range and were not loaded before; moves the cursor."""
        if self.newest is None:
            if table:
                raise NotBuilt(
                    "A last_value_func of your own is called with values of rows, not with tables.",
                    resource=self.resource_name,
                    hint='use "max" or "min", or yield rows',
                )
            return self.cut_by_call(page, taken)
        like, newest = taken.like, self.newest
        if taken.finer and self.given.range_start == "open":
            raise OrderError(
                "the instants have nanoseconds, which the state does not keep: an open start would leave out rows",
                'use range_start="closed"',
            )
        start, end, last = (self.bound(value, like) for value in (self.start, self.end, self.last))
        if not (fits(taken, start) and fits(taken, end) and fits(taken, last)):
            taken = listed(taken)
        column: Column = taken.column
        if self.given.row_order is not None:
            self.check_order(column, like)
        if end is not None:
            rows = len(column)
            closed = self.given.range_end == "closed"
            column = column.keep(("le" if closed else "lt") if newest else ("ge" if closed else "gt"), end)
            self.end_out |= len(column) < rows
        if start is not None and len(column):
            rows = len(column)
            closed = self.given.range_start == "closed"
            column = column.keep(("ge" if closed else "gt") if newest else ("le" if closed else "lt"), start)
            self.start_out |= len(column) < rows
        if not len(column):
            return column
        whole = column
        knows = start is not None and (self.stored or self.sketch or self.versions)
        column = self.without_loaded(page, column, column.at(start) if knows else ())
        self.move(page, whole, last)
        return column

    def check_order(self, column: Column, like: Keys) -> None:
        if self.unordered:
            return
        descending = self.given.row_order == "desc"
        edge = self.bound(self.edge, like)
        first = column.keys[0] if isinstance(column, Listed) else column.keys[0].as_py()
        wrong = edge is not None and (first > edge if descending else first < edge)
        if wrong or not column.is_sorted(descending=descending):
            self.unordered = True
            logger.warning(
                "The rows of %s do not come in the order %s of the cursor %s that row_order declares; all of them are read.",
                self.resource_name,
                self.given.row_order,
                self.given.cursor_path,
            )
        self.edge = column.keys[-1] if isinstance(column, Listed) else column.keys[-1].as_py()

    # ---- rows that were loaded before

    def hashes(
        self, page: Any, positions: Sequence[int], key: Sequence[str] | None, *, before_1_29: bool = False
    ) -> Iterator[str]:
        for row in plain_rows(page, positions):
            if not key:
                yield hash_of(row, before_1_29=before_1_29)
                continue
            try:
                values = [row[name] for name in key] if hasattr(row, "keys") else [getattr(row, name) for name in key]
            except (KeyError, AttributeError):
                raise ResourceError(
                    f"A row of the resource {self.resource_name!r} lacks a column of the key by which it is told apart.",
                    resource=self.resource_name,
                    key=", ".join(key),
                    row=repr(row)[:200],
                    hint="give primary_key= of the incremental columns that all rows have",
                ) from None
            yield hash_of(values[0] if len(values) == 1 else values, before_1_29=before_1_29)

    def old_ways(self) -> Iterator[tuple[Sequence[str] | None, bool]]:
        """The keys, and whether hashes were made as before 1.29, by which dlt 1.x may have told the rows of this state apart."""
        if self.old_key:
            yield self.old_key, False
        if self.before_1_29:
            yield self.old_key or self.key, True

    def without_loaded(self, page: Any, column: Column, ties: Sequence[int]) -> Column:
        """Leave out rows that were loaded. ties: the positions of rows at the start."""
        if ties and self.versions is not None:
            same = self.unchanged(page, ties)
            column = column.without(same) if same else column
        elif ties and (self.stored or self.sketch):
            column = self.without_known(page, column, ties)
        if self.ahead and len(column):
            column = self.without_ahead(page, column)
        if self.passed is not None:
            self.note_passed(page, column)
        return column

    def without_known(self, page: Any, column: Column, ties: Sequence[int]) -> Column:
        """Leave out the rows at the start that were loaded; while that cannot be told yet, they are held back."""
        found = list(self.hashes(page, ties, self.key))
        if self.sketch is not None:
            self.held.append((select(page, ties), self.mark, found))
            return column.without(set(ties))
        known = {position for position, one in zip(ties, found, strict=True) if one in self.stored}
        for key, before_1_29 in self.old_ways():
            if len(known) < len(ties):
                old = self.hashes(page, ties, key, before_1_29=before_1_29)
                known |= {position for position, one in zip(ties, old, strict=True) if one in self.stored}
        return column.without(known) if known else column

    def without_ahead(self, page: Any, column: Column) -> Column:
        """Leave out rows that a run that was cut short loaded, though the cursor did not get there."""
        positions = column.positions if isinstance(column, Listed) else column.positions.to_pylist()
        found = zip(positions, self.hashes(page, positions, None), strict=True)
        known = {position for position, one in found if one in self.ahead}
        return column.without(known) if known else column

    def note_passed(self, page: Any, column: Column) -> None:
        if self.passed is not None and len(column) and len(self.passed) <= MOST_HASHES:
            positions = column.positions if isinstance(column, Listed) else column.positions.to_pylist()
            self.passed.update(self.hashes(page, positions, None))

    def move(self, page: Any, column: Column, last: Any) -> None:
        """Move the cursor to the furthest of these rows."""
        low, high = column.bounds()
        best = high if self.newest else low
        if last is None or (best > last if self.newest else best < last):
            self.last, self.moved = column.value_of(best), True
            self.forget_last()
        elif best != last:
            return
        if self.exact or self.versions is not None:
            self.note_last(page, column.at(best))

    def unchanged(self, page: Any, positions: Sequence[int]) -> set[int]:
        """The positions of rows at the start that the destination, which merges, has as they are."""
        if self.versions is None or self.mark is not None:
            return set()
        return self.versions.unchanged(page, positions)

    def forget_last(self) -> None:
        """The cursor moved on from rows that were at the last value."""
        self.boundary, self.by_key = set(), set()
        if self.versions is not None:
            self.versions.move()

    def note_last(self, page: Any, positions: Sequence[int]) -> None:
        """Remember rows at the last value; by their key too, for dlt 1.x."""
        if self.versions is not None and self.mark is None:
            self.versions.note(page, positions)
        if not self.exact or (self.sketch is not None and not self.moved):
            return
        self.boundary.update(self.hashes(page, positions, self.key))
        if self.key_before is not None and len(self.by_key) <= MOST_HASHES:
            self.by_key.update(self.hashes(page, positions, self.key_before))

    def cut_by_call(self, page: Any, taken: Taken) -> Column:
        """The same with a function of the user's, row by row."""
        call: Callable[[Sequence[Any]], Any] = self.given.last_value_func
        column = taken.column
        assert isinstance(column, Listed)
        dropped: set[int] = set()
        ties: list[int] = []
        for position, value in zip(column.positions, column.values, strict=True):
            if self.end is not None:
                beyond = call((value, self.end)) != self.end
                if beyond or (value == self.end and self.given.range_end == "open"):
                    self.end_out = True
                    dropped.add(position)
                    continue
            moved = call((value,)) if self.last is None else call((value, self.last))
            if self.last is None or moved != self.last:
                self.last, self.moved = moved, True
                self.forget_last()
            elif self.start is not None and value == self.start:
                if self.given.range_start == "open":
                    self.start_out = True
                    dropped.add(position)
                    continue
                ties.append(position)
            elif self.start is not None and call((value, self.start)) == self.start:
                self.start_out = True
                dropped.add(position)
                continue
            if value == self.last:
                self.note_last(page, [position])
        return self.without_loaded(page, column.without(dropped) if dropped else column, ties)

    # ---- the end

    def finish(self, *, limited: bool) -> list[tuple[Any, Any]]:
        """Rows that were held back and are new after all, with their marks. Writes the state. limited: there may be rows nobody asked for."""
        out = self.released(limited=limited)
        if self.state is not None:
            self.commit(limited=limited)
        self.metrics["final_unique_hashes_count"] = (
            self.sketch.count if self.sketch and not self.moved else len(self.boundary)
        )
        return out

    def released(self, *, limited: bool) -> list[tuple[Any, Any]]:
        held, self.held = self.held, []
        if not held or self.sketch is None:
            return []
        every = [one for _, _, hashes in held for one in hashes]
        told = not limited or len(set(every)) >= self.sketch.count  # a part of the rows says nothing about the others
        found = self.sketch.new_among(every) if told else None
        if found is None:
            logger.warning(
                "The cursor %s of %s: %s rows have the value %r, at which the last run ended with %s rows. They have changed too "
                "much to tell which are new: all of them are loaded, some perhaps again. Use merge with a primary key, or a "
                "cursor with fewer rows of one value.",
                self.given.cursor_path,
                self.resource_name,
                len(every),
                self.start,
                self.sketch.count,
            )
            self.sketch = Sketch.of(every)
            return [(item, mark) for item, mark, _ in held]
        new, gone = found
        for one in new:
            self.sketch.put(number(one), 1)
        if not limited:
            for one in gone:
                self.sketch.put(number(one), -1)
        out = []
        for item, mark, hashes in held:
            positions = [position for position, one in enumerate(hashes) if one in new]
            if positions:
                out.append((select(item, positions), mark))
        return out

    def commit(self, *, limited: bool) -> None:
        """Write the state, when it is another one: a run cut short moves the cursor only if the order is declared."""
        state = self.state
        assert state is not None
        moves = not limited or (self.goes_forward and not self.unordered and self.given.range_start == "closed")
        entry: dict[str, Any] = {"initial_value": self.given.initial_value}
        if moves:
            hashes, sketch = kept(self.boundary, None if self.moved else self.sketch)
            entry |= {"last_value": self.last, "unique_hashes": hashes if self.exact else []}
        else:
            hashes, sketch = kept(self.stored, self.sketch)
            entry |= {"last_value": self.before, "unique_hashes": hashes}
            entry |= self.not_moved()
        if self.exact and sketch is not None:
            entry["boundary"] = sketch
        elif self.marks and (moves or self.old_key is None):
            entry["rows"] = hashes
            keys = self.by_key if moves else as_stored(self.entry.get("unique_hashes") or ())
            entry["unique_hashes"] = sorted(keys) if len(keys) <= MOST_HASHES else []
        if self.versions is not None and (rows := self.versions.kept(moves=moves)):
            entry["versions"] = rows
        if not {"boundary", "rows", "versions"}.isdisjoint(entry):
            entry["of"] = _seal(entry)
        known = {name: value for name, value in self.entry.items() if name != "start_value"}
        if entry != known:
            state["incremental"][self.given.cursor_path] = {**entry, "start_value": self.before}

    def not_moved(self) -> dict[str, Any]:
        """What is remembered of rows that were loaded though the cursor stays where it was."""
        found = self.ahead | (self.passed or set())
        if len(found) <= MOST_HASHES and self.passed is not None:
            return {"ahead": sorted(found)} if found else {}
        logger.warning(
            "%s was cut short and its rows come in no declared order: the cursor %s stays at %r, and the next run loads the "
            "rows of this one again. Declare row_order=%s.",
            self.resource_name,
            self.given.cursor_path,
            self.before,
            ", or use merge with a primary key" if self.versions is None else "",
        )
        return {}


def _seal(entry: Mapping[str, Any]) -> str:
    """Tells whether somebody who keeps the other values of a state has changed these."""
    return hash_of([entry.get("last_value"), sorted(entry.get("unique_hashes") or ())])


def _way_out(path: str, row: Any) -> str:
    """What to do about a cursor that the row has not: it may be misspelt."""
    from difflib import get_close_matches

    names = {name.lower(): name for name in row if isinstance(name, str)} if isinstance(row, Mapping) else {}
    near = get_close_matches(path.lower(), names, 1)
    return f"did you mean {names[near[0]]!r}? If not, {KEEP_OR_LEAVE}" if near else KEEP_OR_LEAVE
