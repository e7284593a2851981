"""Random transactions on three tables: `a` by a key, with large values; `b` by two columns and whole rows; `c` without a key."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from pg_replication.mirrors import connected

TABLES = ("a", "b", "c")
SETUP = """
CREATE TABLE a (id int PRIMARY KEY, v text, w text);
ALTER TABLE a ALTER w SET STORAGE EXTERNAL;
CREATE TABLE b (x int, y text, n numeric(12, 3), at timestamptz, PRIMARY KEY (x, y));
ALTER TABLE b REPLICA IDENTITY FULL;
CREATE TABLE c (line text);
INSERT INTO a SELECT n, 'first', repeat('w', 3000) FROM generate_series(1, 20) n;
INSERT INTO c SELECT 'first' || n FROM generate_series(1, 5) n;
"""
ALTER = [
    "ALTER TABLE a ADD {name} int",
    "ALTER TABLE a ADD {name} text DEFAULT 'full'",
    "ALTER TABLE b ADD {name} float DEFAULT random()",
    "ALTER TABLE b ADD {name} bool",
    "ALTER TABLE c ADD {name} int DEFAULT 3",
]


class Writer:
    """Makes transactions that are told by the numbers that `choose` gives, each of them below its argument."""

    def __init__(self, url: str, choose: Callable[[int], int]) -> None:
        self.url, self.choose = url, choose
        self.altered = self.count = 0

    def setup(self) -> None:
        with connected(self.url) as connection:
            connection.execute(SETUP)

    def statement(self) -> Iterator[str]:
        """One statement, or two."""
        one, other, kind = self.choose(30), self.choose(30), self.choose(12)
        self.count += 1
        match kind:
            case 0 | 1:
                yield f"INSERT INTO a VALUES ({one}, 'v{self.count}', repeat('{self.count % 10}', {self.choose(3) * 2000})) ON CONFLICT DO NOTHING"
            case 2:
                yield f"UPDATE a SET v = 'v{self.count}' WHERE id BETWEEN {one} AND {other}"
            case 3:
                yield f"UPDATE a SET w = 'w{self.count}' WHERE id = {one}"
            case 4:
                yield f"UPDATE a SET id = {other} WHERE id = {one} AND NOT EXISTS (SELECT 1 FROM a WHERE id = {other})"
            case 5:
                yield f"DELETE FROM a WHERE id BETWEEN {one} AND {one + self.choose(4)}"
            case 6 | 7:
                yield (
                    f"INSERT INTO b VALUES ({one % 4}, 'y{other % 4}', {self.count} / 7.0, now())"
                    " ON CONFLICT (x, y) DO UPDATE SET n = excluded.n, at = excluded.at"
                )
            case 8:
                yield f"DELETE FROM b WHERE x = {one % 4} AND y <> 'y{other % 4}'"
            case 9:
                yield f"INSERT INTO c SELECT 'line {self.count} ' || n FROM generate_series(1, {one}) n"
            case 10 if one < 6:
                yield "TRUNCATE " + ("a", "b", "c", "a, b", "a, c", "b")[one]
                yield f"INSERT INTO a VALUES ({other}, 'after') ON CONFLICT DO NOTHING"
            case 11 if one < 8 and self.altered < 12:
                self.altered += 1
                yield ALTER[other % len(ALTER)].format(name=f"x{self.altered}")
            case _:
                yield f"UPDATE a SET w = w || '+' WHERE id = {one}"

    def transaction(self) -> str:
        """Some statements that happen together, or do not happen."""
        statements = [one for _ in range(1 + self.choose(4)) for one in self.statement()]
        return "; ".join(["BEGIN", *statements, "ROLLBACK" if self.choose(10) == 0 else "COMMIT"])

    def write(self, transactions: int) -> None:
        with connected(self.url) as connection:
            for _ in range(transactions):
                connection.execute(self.transaction())


def random_writer(url: str, seed: int) -> Writer:
    return Writer(url, random.Random(seed).randrange)
