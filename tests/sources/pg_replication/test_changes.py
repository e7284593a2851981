"""What happens to a table of the source happens to its copy, whatever it is."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from dlt.sources.pg_replication.server import GENERATED
from pg_replication.mirrors import check_same, connected, pipeline, source

LARGE = "SELECT string_agg(md5(n::text), '') FROM generate_series({}, {} + 200) n"  # is stored beside its row
A = "CREATE TABLE a (id int PRIMARY KEY, v text, w text)"
SOME = "INSERT INTO a SELECT n, 'v' || n, 'w' || n FROM generate_series(1, 5) n"
TOAST = [
    A,
    "ALTER TABLE a ALTER w SET STORAGE EXTERNAL",
    f"INSERT INTO a SELECT i, 'v', ({LARGE.format('i', 'i')}) FROM generate_series(1, 4) i",
]
PARTS = [
    "CREATE TABLE a (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)",
    "CREATE TABLE a1 PARTITION OF a FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE a2 PARTITION OF a FOR VALUES FROM (10) TO (20)",
    "INSERT INTO a VALUES (1, 'p'), (11, 'q')",
]
TABLE = re.compile(r"\b(a\d?|b|u)\b")


class Case(NamedTuple):
    """before: made before the first run. steps: what happens before each of the next runs, a statement or several."""

    before: list[str]
    steps: list[str | list[str]]
    tables: tuple[str, ...] = ("a",)


CASES = {
    "an empty table": Case([A], [SOME]),
    "rows that were there": Case([A, SOME], []),
    "insert": Case([A, SOME], ["INSERT INTO a VALUES (6, 'x', NULL)", "INSERT INTO a VALUES (7, '', 'y'), (8, '\\N', '\t')"]),
    "update": Case([A, SOME], ["UPDATE a SET v = 'n' WHERE id < 3", ["UPDATE a SET v = NULL", "UPDATE a SET w = 'z' WHERE id = 1"]]),
    "delete": Case([A, SOME], ["DELETE FROM a WHERE id = 2", "DELETE FROM a"]),
    "delete and the same key again": Case([A, SOME], [["DELETE FROM a WHERE id = 2", "INSERT INTO a VALUES (2, 'again')"]]),
    "insert and delete in one run": Case([A, SOME], [["INSERT INTO a VALUES (9, 'x')", "DELETE FROM a WHERE id = 9"]]),
    "another key": Case([A, SOME], ["UPDATE a SET id = 20 WHERE id = 2", "UPDATE a SET id = id + 100"]),
    "keys that go around": Case(
        [A, SOME], [["UPDATE a SET id = 0 WHERE id = 1; UPDATE a SET id = 1 WHERE id = 2; UPDATE a SET id = 2 WHERE id = 0"]]
    ),
    "a key that goes away and comes back": Case([A, SOME], [["UPDATE a SET id = 9 WHERE id = 1", "UPDATE a SET id = 1 WHERE id = 9"]]),
    "nothing that was rolled back": Case([A, SOME], ["BEGIN; DELETE FROM a; ROLLBACK", "BEGIN; SAVEPOINT s; DELETE FROM a; ROLLBACK TO s; INSERT INTO a VALUES (7); COMMIT"]),
    "a key of several columns": Case(
        ["CREATE TABLE a (x int, y text, v text, PRIMARY KEY (y, x))", "INSERT INTO a VALUES (1, 'p', 'a'), (1, 'q', 'b'), (2, 'p', 'c')"],
        ["DELETE FROM a WHERE x = 1 AND y = 'q'", "UPDATE a SET v = 'n' WHERE x = 2", "UPDATE a SET y = 'r' WHERE x = 1"],
    ),
    "a unique index for the identity": Case(
        ["CREATE TABLE a (x int NOT NULL, v text)", "CREATE UNIQUE INDEX u ON a (x) INCLUDE (v)", "ALTER TABLE a REPLICA IDENTITY USING INDEX u", "INSERT INTO a VALUES (1, 'a'), (2, 'b')"],
        ["UPDATE a SET v = 'n' WHERE x = 1", "DELETE FROM a WHERE x = 2", "UPDATE a SET x = 5"],
    ),
    "whole rows for the identity": Case(
        [A, SOME, "ALTER TABLE a REPLICA IDENTITY FULL"], ["UPDATE a SET v = 'n' WHERE id = 1", "UPDATE a SET id = 30 WHERE id = 3", "DELETE FROM a WHERE id = 4"]
    ),
    "large values": Case(TOAST, ["UPDATE a SET v = 'n' WHERE id = 1"]),
    "large values with whole rows": Case([*TOAST, "ALTER TABLE a REPLICA IDENTITY FULL"], ["UPDATE a SET v = 'n' WHERE id = 1", "UPDATE a SET id = 30 WHERE id = 3"]),
    "large values that change after": Case(TOAST, [["UPDATE a SET v = 'n' WHERE id = 1", "UPDATE a SET w = 'now small' WHERE id = 1"]]),
    "large values of a row that goes": Case(TOAST, [["UPDATE a SET v = 'n' WHERE id = 1", "DELETE FROM a WHERE id = 1"]]),
    "large values of a row with another key": Case(TOAST, [["UPDATE a SET v = 'n' WHERE id = 1", "UPDATE a SET id = 9 WHERE id = 1"], "UPDATE a SET id = 8 WHERE id = 9"]),
    "large values of a row that comes in the same run": Case(TOAST, [[f"INSERT INTO a SELECT 7, 'v', ({LARGE.format(7, 7)})", "UPDATE a SET v = 'n' WHERE id = 7"]]),
    "large keys": Case(
        ["CREATE TABLE a (k text PRIMARY KEY, v int)", f"ALTER TABLE a ALTER k SET STORAGE EXTERNAL; INSERT INTO a SELECT left(({LARGE.format(1, 1)}), 2300), 1"],
        ["UPDATE a SET v = 2", "UPDATE a SET k = 'small'"],
    ),
    "truncate": Case([A, SOME], ["TRUNCATE a", SOME]),
    "truncate between changes": Case(
        [A, SOME], [["INSERT INTO a VALUES (6)", "TRUNCATE a", "INSERT INTO a VALUES (1, 'n')", "UPDATE a SET w = 'z'"]]
    ),
    "truncate in a transaction": Case([A, SOME], ["BEGIN; INSERT INTO a VALUES (6); TRUNCATE a; INSERT INTO a VALUES (6, 'n'); COMMIT"]),
    "truncate twice": Case([A, SOME], [["TRUNCATE a", SOME, "TRUNCATE a", "INSERT INTO a VALUES (3)"]]),
    "truncate of several": Case(
        [A, SOME, "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a)", "INSERT INTO b VALUES (1, 1)"],
        [["TRUNCATE a CASCADE", "INSERT INTO a VALUES (1); INSERT INTO b VALUES (2, 1)"]],
        ("a", "b"),
    ),
    "a new column": Case([A, SOME], [["ALTER TABLE a ADD x int", "UPDATE a SET x = id WHERE id > 3"], "INSERT INTO a VALUES (6, 'p', 'q', 1)"]),
    "a new column between changes": Case([A, SOME], [["UPDATE a SET v = 'n' WHERE id = 1", "ALTER TABLE a ADD x int", "INSERT INTO a VALUES (7, 'a', 'b', 7)"]]),
    "a new column that is full": Case([A, SOME], ["ALTER TABLE a ADD x int DEFAULT 7", "INSERT INTO a VALUES (6)"]),
    "a new column that is filled row by row": Case([A, SOME], ["ALTER TABLE a ADD x float DEFAULT random()"]),
    "a new column that is counted": Case([A, SOME], ["ALTER TABLE a ADD x int GENERATED ALWAYS AS IDENTITY", "INSERT INTO a VALUES (6)"]),
    "a column less": Case([A, SOME], [["UPDATE a SET v = 'n' WHERE id = 1", "ALTER TABLE a DROP w", "INSERT INTO a VALUES (6, 'x')"]]),
    "a column with another name": Case([A, SOME], ["ALTER TABLE a RENAME v TO x", "UPDATE a SET x = 'n' WHERE id = 1"]),
    "a column with a wider type": Case([A, SOME, "ALTER TABLE a ADD x int; UPDATE a SET x = id"], [["ALTER TABLE a ALTER x TYPE bigint", "UPDATE a SET x = 5000000000 WHERE id = 1"]]),
    "a column with other values": Case([A, SOME], ["ALTER TABLE a ALTER v TYPE varchar(20) USING v || '!'"]),
    "another table of the same name": Case([A, SOME], [["DROP TABLE a", A, "INSERT INTO a VALUES (1, 'n')", "ALTER PUBLICATION pub ADD TABLE a"]]),
    "a table that is rewritten": Case([A, SOME], [["DELETE FROM a WHERE id = 1", "VACUUM FULL a", "UPDATE a SET v = 'n' WHERE id = 2"]]),
    "several tables": Case(
        [A, SOME, "CREATE TABLE b (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n numeric(8, 2))"],
        [["INSERT INTO b (n) SELECT n FROM generate_series(1, 9) n", "DELETE FROM a WHERE id = 1", "UPDATE b SET n = n / 4"]],
        ("a", "b"),
    ),
    "parts of a table": Case(
        PARTS,
        ["UPDATE a SET id = 12 WHERE id = 1", "DELETE FROM a WHERE id = 11", "TRUNCATE a"],
    ),
    "a part that is emptied": Case(PARTS, ["TRUNCATE a1", ["INSERT INTO a VALUES (2, 'n')", "TRUNCATE a2"]]),
    "a part that goes": Case(PARTS, ["ALTER TABLE a DETACH PARTITION a1", "DROP TABLE a2"]),
    "a part that comes": Case(PARTS, ["CREATE TABLE a3 PARTITION OF a FOR VALUES FROM (20) TO (30); INSERT INTO a VALUES (21, 'r')"]),
    "a part that comes and is emptied": Case(PARTS, [["CREATE TABLE a3 PARTITION OF a FOR VALUES FROM (20) TO (30)", "INSERT INTO a VALUES (21, 'r')", "TRUNCATE a3"]]),
    "a part that comes with rows": Case(PARTS, [["CREATE TABLE a3 (LIKE a)", "INSERT INTO a3 VALUES (21, 'r')", "ALTER TABLE a ATTACH PARTITION a3 FOR VALUES FROM (20) TO (30)"]]),
    "a part of a part that comes with rows": Case(
        PARTS,
        [["CREATE TABLE a3 (LIKE a) PARTITION BY RANGE (id)", "CREATE TABLE a4 PARTITION OF a3 FOR VALUES FROM (20) TO (25)", "INSERT INTO a4 VALUES (21, 'r')", "ALTER TABLE a ATTACH PARTITION a3 FOR VALUES FROM (20) TO (30)"], "TRUNCATE a4"],
    ),
    "a generated column": Case(
        ["CREATE TABLE a (id int PRIMARY KEY, n int, x int GENERATED ALWAYS AS (n * 2) STORED)", "INSERT INTO a VALUES (1, 1), (2, 2)"],
        ["INSERT INTO a VALUES (3, 3)", "UPDATE a SET n = 10 WHERE id < 3", "ALTER TABLE a ADD y int GENERATED ALWAYS AS (n * 3) STORED", "DELETE FROM a WHERE id = 1"],
    ),
    "columns with names of ours": Case(["CREATE TABLE a (id int PRIMARY KEY, lsn text, v text)"], ["INSERT INTO a VALUES (1, 'x', 'y')", "DELETE FROM a"]),
    "a large transaction": Case([A], ["INSERT INTO a SELECT n, 'v', 'w' FROM generate_series(1, 5000) n", "BEGIN; UPDATE a SET v = 'n'; DELETE FROM a WHERE id % 2 = 0; COMMIT"]),
}  # fmt: skip


def of_its_own(number: int, case: Case) -> Case:
    """The case with names of tables that no other case has."""

    def renamed(step: str | list[str]) -> list[str]:
        return [TABLE.sub(rf"\1_{number}", one) for one in ([step] if isinstance(step, str) else step)]

    return Case(renamed(case.before), [renamed(step) for step in case.steps], tuple(renamed(list(case.tables))))


def check_copies(url: str, cases: list[Case]) -> None:
    """That the copy has the rows of the source after the first run, and after each step."""
    follower = pipeline()
    tables = [table for case in cases for table in case.tables]
    with connected(url) as connection:
        for case in cases:
            for statement in case.before:
                connection.execute(statement)
        follower.run(source(url, tables))
        check_same(url, *tables)

        for number in range(max(len(case.steps) for case in cases)):
            moved = [case for case in cases if number < len(case.steps)]
            for case in moved:
                for statement in case.steps[number]:
                    connection.execute(statement)
            follower.run(source(url, tables))
            check_same(url, *(table for case in moved for table in case.tables))
        check_same(url, *tables)


def can(url: str, name: str) -> bool:
    """Whether the server can do what a case does."""
    with connected(url) as connection:
        return name != "a generated column" or connection.info.server_version >= GENERATED


def test_the_copies_of_many_tables_have_the_rows_of_the_source(postgres):
    """All cases at once, each with tables of its own."""
    cases = [case for name, case in CASES.items() if can(postgres, name)]
    check_copies(postgres, [of_its_own(number, case) for number, case in enumerate(cases)])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_copy_has_the_rows_of_the_source(postgres, name):
    if not can(postgres, name):
        pytest.skip("publications have no generated columns before PostgreSQL 18")
    check_copies(postgres, [of_its_own(0, CASES[name])])
