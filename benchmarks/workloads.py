"""The workloads: one process runs one of them once, in one variant, and prints what it took as a line of JSON.

`python workloads.py WORKLOAD VARIANT ROWS FOLDER DATA`. Variants: `ours` and `dlt` run the same code on the `dlt` of their
environment, `dlt-parquet` asks for parquet files, `native` is DuckDB alone, `generator` drains the generator and loads nothing.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

Doc = dict[str, Any]
Timed = Callable[[], "dict[str, Any] | None"]  # the part that is measured; what it returns is reported too


class Setting(NamedTuple):
    """What a workload is run with."""

    variant: str
    rows: int
    database: Path
    data: Path

    def run(self, data: Any, table: str, *, name: str = "bench", **hints: Any) -> None:
        """Load data with the `dlt` of this environment."""
        import dlt

        if self.variant == "dlt-parquet":
            hints["loader_file_format"] = "parquet"
        pipeline = dlt.pipeline(name, destination=dlt.destinations.duckdb(str(self.database)), dataset_name="bench")
        pipeline.run(data, table_name=table, **hints)

    def sql(self, *statements: str, **views: Any) -> None:
        """Run SQL with DuckDB alone; `views` are Arrow tables it may read."""
        import duckdb

        with duckdb.connect(str(self.database)) as connection:
            connection.execute("CREATE SCHEMA bench")
            for name, table in views.items():
                connection.register(name, table)
            for statement in statements:
                connection.execute(statement)


# ---- the data


def github(rows: int, data: Path) -> Iterator[Doc]:
    """Issues: the real ones of GitHub's webhook examples again and again, with ids, texts and times of their own."""
    events = json.loads((data / "webhooks.json").read_text())
    real = [example["issue"] for event in events if event["name"] == "issues" for example in event["examples"]]
    words = [issue["body"] or issue["title"] for issue in real]
    for number in range(rows):
        issue = real[number % len(real)]
        yield {
            **issue,
            "id": 1_000_000 + number,
            "number": number,
            "node_id": f"MDU6SXNzdWU{number:x}",
            "title": f"{issue['title']} ({number})",
            "body": f"{words[number * 7 % len(words)]}\nSeen {number} times.",
            "comments": number % 41,
            "updated_at": f"2019-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:34:{number % 60:02}Z",
            "user": {**issue["user"], "id": number % 5000, "login": f"user-{number % 5000}"},
        }


def nested(rows: int, data: Path) -> Iterator[Doc]:  # noqa: ARG001
    """Documents with a list of objects, a list of scalars, three levels of objects and a key that is sometimes there."""
    cities = ("Berlin", "Utrecht", "São Paulo", "東京", "Nairobi", "Oslo", "Lima")
    for number in range(rows):
        doc = {
            "id": number,
            "name": f"document {number}",
            "created_at": f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:{number % 60:02}Z",
            "score": number * 0.25,
            "active": number % 3 == 0,
            "user": {
                "id": number % 9973,
                "login": f"user-{number % 9973}",
                "address": {
                    "city": cities[number % 7],
                    "geo": {"lat": number % 180 - 90.5, "lon": number % 360 - 180.25},
                },
            },
            "items": [
                {"sku": f"sku-{number % 997}", "quantity": number % 9, "price": number % 100 + 0.5},
                {"sku": f"sku-{number % 991}", "quantity": number % 7, "price": number % 90 + 0.25},
            ],
            "tags": ["red", "green", "blue"] if number % 2 else ["yellow"],
        }
        if number % 5 == 0:
            doc["note"] = "only now and then"
        yield doc


def flat(rows: int, data: Path) -> Iterator[Doc]:  # noqa: ARG001
    """Rows of ten fields."""
    for number in range(rows):
        yield {
            "id": number,
            "name": f"user {number}",
            "email": f"u{number}@example.com",
            "age": number % 90,
            "score": number * 0.5,
            "active": number % 2 == 0,
            "created_at": f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}T00:00:00Z",
            "city": "Berlin" if number % 2 else "Lisbon",
            "country": None if number % 3 else "DE",
            "amount": number * 1.1,
        }


def wide(rows: int, data: Path) -> Iterator[Doc]:  # noqa: ARG001
    """Rows of a thousand columns: ints, floats and texts."""
    ints, floats = [f"int_{n}" for n in range(400)], [f"float_{n}" for n in range(300)]
    texts = [f"text_{n}" for n in range(300)]
    for number in range(rows):
        row: Doc = dict.fromkeys(ints, number)
        row.update(dict.fromkeys(floats, number * 0.5))
        row.update(dict.fromkeys(texts, f"text {number}"))
        yield row


def orders(first: int, rows: int, version: int) -> Iterator[Doc]:
    """Rows with a key and a nested list."""
    for number in range(first, first + rows):
        yield {
            "id": number,
            "customer": f"customer {number % 5000}",
            "version": version,
            "total": number * 0.5,
            "lines": [{"sku": f"sku-{number % 997}", "quantity": n} for n in range(number % 4)],
        }


GENERATORS: dict[str, Callable[[int, Path], Iterator[Doc]]] = {
    "github": github,
    "nested": nested,
    "flat": flat,
    "wide": wide,
}


def lines_file(name: str, rows: int, data: Path) -> Path:
    """The documents of a generator as a file of JSON lines, made once."""
    path = data / f"{name}-{rows}.jsonl"
    if not path.exists():
        part = path.with_suffix(".part")
        with part.open("w") as file:
            file.writelines(json.dumps(doc, ensure_ascii=False) + "\n" for doc in GENERATORS[name](rows, data))
        part.rename(path)
    return path


# ---- the workloads: what is done before the clock runs, and what it measures


def documents(name: str) -> Callable[[Setting], Timed]:
    """A workload that loads what a generator yields."""

    def workload(setting: Setting) -> Timed:
        make = GENERATORS[name]
        if setting.variant == "native":
            path = lines_file(name, setting.rows, setting.data)
            return lambda: setting.sql(*(text.format(path=path) for text in NATIVE[name]))
        if setting.variant == "generator":
            return lambda: {"documents": sum(1 for _ in make(setting.rows, setting.data))}
        import dlt  # noqa: F401 - the import is a workload of its own

        return lambda: setting.run(make(setting.rows, setting.data), "docs")

    return workload


NATIVE = {
    "github": ["CREATE TABLE bench.docs AS SELECT * FROM read_json_auto('{path}', format = 'newline_delimited')"],
    "nested": [
        "CREATE TEMP TABLE lines AS SELECT * FROM read_json_auto('{path}', format = 'newline_delimited')",
        """CREATE TABLE bench.docs AS SELECT rowid AS row_id, id, name, created_at, score, active, note, "user".id AS user__id,
             "user".login AS user__login, "user".address.city AS user__address__city,
             "user".address.geo.lat AS user__address__geo__lat, "user".address.geo.lon AS user__address__geo__lon FROM lines""",
        """CREATE TABLE bench.docs__items AS SELECT row_id, list_idx, item.sku, item.quantity, item.price
             FROM (SELECT rowid AS row_id, generate_subscripts(items, 1) - 1 AS list_idx, unnest(items) AS item FROM lines)""",
        """CREATE TABLE bench.docs__tags AS SELECT rowid AS row_id, generate_subscripts(tags, 1) - 1 AS list_idx, unnest(tags) AS value
             FROM lines""",
    ],
}


def arrow(setting: Setting) -> Timed:
    """An Arrow table of eight columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pa.array(range(setting.rows), pa.int64())
    texts = pc.cast(numbers, pa.string())
    table = pa.table(
        {
            "id": numbers,
            "a": pc.add(numbers, 1),
            "b": pc.multiply(numbers, 3),
            "ratio": pc.divide(pc.cast(numbers, pa.float64()), 7.0),
            "name": pc.binary_join_element_wise("name", texts, " "),
            "kind": pc.utf8_slice_codeunits(texts, 0, 1),
            "even": pc.equal(pc.bit_wise_and(numbers, 1), 0),
            "seen_at": pc.cast(pc.multiply(numbers, 1_000_000), pa.timestamp("us", "UTC")),
        }
    )
    if setting.variant == "native":
        create = "CREATE TABLE bench.docs AS SELECT * FROM source LIMIT 0"
        return lambda: setting.sql(create, "INSERT INTO bench.docs SELECT * FROM source", source=table)
    import dlt  # noqa: F401

    return lambda: setting.run(table, "docs")


def merge(setting: Setting) -> Timed:
    """A merge by key of 60 % as many rows as the table has, half of them new."""
    hints = {"write_disposition": "merge", "primary_key": "id"}
    setting.run(orders(0, setting.rows, 1), "docs", **hints)
    new = setting.rows * 6 // 10
    return lambda: setting.run(orders(setting.rows - new // 2, new, 2), "docs", **hints)


def warm(setting: Setting) -> Timed:
    """Ten runs of three rows, after one that is not measured."""
    setting.run([{"id": n, "name": "a"} for n in range(3)], "docs")

    def timed() -> None:
        for _ in range(10):
            setting.run([{"id": n, "name": "a"} for n in range(3)], "docs")

    return timed


def nothing_new(setting: Setting) -> Timed:
    """Ten incremental runs that find nothing new among the rows of the source."""
    import dlt

    def docs(at: Any = dlt.sources.incremental("at")) -> Iterator[Doc]:  # noqa: ARG001, B008 - that is how it is declared
        yield [{"id": n, "at": n} for n in range(setting.rows)]

    setting.run(dlt.resource(docs), "docs")

    def timed() -> dict[str, Any]:
        start = time.perf_counter()
        for _ in range(10):
            setting.run(dlt.resource(docs), "docs")
        return {"each_ms": (time.perf_counter() - start) * 100}

    return timed


def tables(setting: Setting) -> Timed:
    """Runs that each bring a table of three columns; the first ten and the last ten are compared."""
    setting.run([{"id": 0}], "docs")

    def timed() -> dict[str, Any]:
        took = []
        for number in range(setting.rows):
            start = time.process_time()
            setting.run([{"id": n, "name": "a", "value": n * 0.5} for n in range(3)], f"table_{number}")
            took.append(time.process_time() - start)
        return {"first_ten": sum(took[:10]), "last_ten": sum(took[-10:])}

    return timed


def import_time(setting: Setting) -> Timed:  # noqa: ARG001
    """`import dlt`; also how many modules of other packages it loads."""

    def timed() -> dict[str, Any]:
        before = set(sys.modules)
        import dlt  # noqa: F401

        new = {name: str(getattr(sys.modules[name], "__file__", "")) for name in set(sys.modules) - before}
        others = {name.partition(".")[0] for name, file in new.items() if "-packages" in file} - {"dlt"}
        return {"third_party": len(others), "modules": len(new)}

    return timed


def calls(setting: Setting) -> Timed:
    """Calls of functions of the library itself in a warm run of two rows, in all threads."""
    rows = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    for _ in range(2):
        setting.run(rows, "docs")
    import dlt

    folder = str(Path(dlt.__file__).parent) + os.sep
    count = [0]

    def profile(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(folder):
            count[0] += 1

    def timed() -> dict[str, Any]:
        threading.setprofile(profile)
        sys.setprofile(profile)
        setting.run(rows, "docs")
        sys.setprofile(None)
        threading.setprofile(None)
        return {"calls": count[0]}

    return timed


def config(setting: Setting) -> Timed:
    """Fill a configspec of 20 fields from variables and a file, as often as there are rows."""
    os.chdir(setting.database.parent)
    Path(".dlt").mkdir()
    keys = [f"key_{number}" for number in range(20)]
    Path(".dlt/config.toml").write_text("[a.b]\n" + "".join(f"{key} = 7\n" for key in keys[:10]))
    os.environ.update({f"A__B__{key.upper()}": "7" for key in keys[10:]})
    if setting.variant == "ours":
        from dlt.config.spec import Configuration, configspec, resolve_configuration
    else:
        from dlt.common.configuration import configspec, resolve_configuration
        from dlt.common.configuration.specs import BaseConfiguration as Configuration
    content = {"__annotations__": dict.fromkeys(keys, int), **dict.fromkeys(keys)}
    kind = configspec(type("Keys", (Configuration,), content))

    def timed() -> dict[str, Any]:
        begun = time.perf_counter()
        for _ in range(setting.rows):
            made = resolve_configuration(kind(), sections=("a", "b"))
        taken = time.perf_counter() - begun
        assert dict(made) == dict.fromkeys(keys, 7)
        return {"each_ms": taken / setting.rows * 1000}

    return timed


def served(*arguments: str) -> str:
    """The URL of a server in another process, with these arguments."""
    import atexit
    import subprocess

    command = [sys.executable, str(Path(__file__).with_name("slow_server.py")), *arguments]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    atexit.register(server.kill)
    assert server.stdout is not None
    return f"http://127.0.0.1:{int(server.stdout.readline())}/"


def rest(setting: Setting) -> Timed:
    """Pages of 100 rows of a REST API, by a configuration."""
    from dlt.sources.rest_api import rest_api_source

    config = {
        "client": {"base_url": served("0", str(setting.rows // 100)), "paginator": "json_link"},
        "resources": [{"name": "docs", "endpoint": {"path": "rows", "data_selector": "data"}}],
    }

    def timed() -> None:
        setting.run(rest_api_source(config), "docs")

    return timed


def files(kind: str) -> Callable[[Setting], Timed]:
    """A workload that loads four files of ten columns, about 105 bytes a row as CSV."""

    def workload(setting: Setting) -> Timed:
        folder = written(kind, setting.rows, setting.data)
        if setting.variant == "native":
            return lambda: setting.sql(f"CREATE TABLE bench.docs AS SELECT * FROM read_{kind}('{folder}/*.{kind}')")
        from dlt.sources.filesystem import filesystem, read_csv, read_parquet

        reader = read_csv if kind == "csv" else read_parquet
        return lambda: setting.run(filesystem(str(folder), file_glob=f"*.{kind}") | reader(), "docs")

    return workload


def json_lines(setting: Setting) -> Timed:
    """The documents of `nested` as a file of JSON lines."""
    path = lines_file("nested", setting.rows, setting.data)
    if setting.variant == "native":
        return lambda: setting.sql(*(text.format(path=path) for text in NATIVE["nested"]))
    from dlt.sources.filesystem import filesystem, read_jsonl

    return lambda: setting.run(filesystem(str(path.parent), file_glob=path.name) | read_jsonl(), "docs")


def written(kind: str, rows: int, data: Path, parts: int = 4) -> Path:
    """The folder of these files, made once."""
    folder = data / f"files-{kind}-{rows}"
    if folder.exists():
        return folder
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    part, piece = data / f"{folder.name}.part", rows // parts
    part.mkdir(exist_ok=True)
    for number in range(parts):
        numbers = range(number * piece, (number + 1) * piece)
        table = pa.table(
            {
                "id": pa.array(numbers),
                "name": [f"user {n}" for n in numbers],
                "email": [f"u{n}@example.com" for n in numbers],
                "age": [n % 90 for n in numbers],
                "score": [n * 0.5 for n in numbers],
                "amount": [round(n * 1.1, 2) for n in numbers],
                "active": [n % 2 == 0 for n in numbers],
                "created_at": [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}T00:00:{n % 60:02}Z" for n in numbers],
                "city": ["Berlin" if n % 2 else "Lisbon" for n in numbers],
                "country": [None if n % 3 else "DE" for n in numbers],
            }
        )
        if kind == "csv":
            pyarrow.csv.write_csv(table, part / f"{number}.csv")
        else:
            pyarrow.parquet.write_table(table, part / f"{number}.parquet")
    part.rename(folder)
    return folder


def parallel(setting: Setting) -> Timed:
    """Five parallel resources that ask a slow HTTP server for pages, one after the other; it could answer all at once."""
    from urllib.request import urlopen

    import dlt

    wait, branches = 0.1, 5
    pages = setting.rows // branches
    url = served(str(wait))

    def branch() -> Iterator[list[Doc]]:
        for _ in range(pages):
            with urlopen(url) as answer:
                yield json.load(answer)

    @dlt.source(name="slow", parallelized=True)
    def slow() -> Iterator[Any]:
        for number in range(branches):
            yield dlt.resource(branch, name=f"branch_{number}")

    def timed() -> dict[str, Any]:
        begun = time.perf_counter()
        setting.run(slow(), "docs")
        return {"overlap": pages * wait / (time.perf_counter() - begun)}

    return timed


def maps(setting: Setting) -> Timed:
    """Rows through a map and a filter: evaluated, not loaded."""
    import dlt

    def rows() -> Iterator[Doc]:
        for number in range(setting.rows):
            yield {"id": number, "name": "name", "value": number * 0.5}

    def doubled(row: Doc) -> Doc:
        row["value"] *= 2
        return row

    def timed() -> None:
        resource = dlt.resource(rows, name="docs").add_map(doubled).add_filter(lambda row: row["id"] % 2 == 0)
        assert sum(1 for _ in resource) == (setting.rows + 1) // 2

    return timed


def sql(setting: Setting) -> Timed:
    """A table of PostgreSQL: with the source sql_database and its backends, or with what reads it into DuckDB alone."""
    url = os.environ["BENCH_POSTGRES"]
    reads = {"adbc": by_adbc, "connectorx": by_connectorx, "scanner": by_scanner}
    if setting.variant in reads:
        return reads[setting.variant](setting, url)
    from dlt.sources.sql_database import sql_table

    ours = setting.variant == "ours"
    backend = setting.variant.removeprefix("dlt").removeprefix("-") or "sqlalchemy"
    options = {} if ours else {"backend": backend}
    login = url if ours else url.replace("postgresql:", "postgresql+psycopg2:")

    def timed() -> dict[str, Any]:
        setting.run(sql_table(login, "mixed", **options), "docs")
        return {"rows": setting.rows}

    return timed


def pg_pg(setting: Setting) -> Timed:
    """From PostgreSQL into PostgreSQL: with the source and the destination, or with one COPY that feeds another."""
    import psycopg

    url = os.environ["BENCH_POSTGRES"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bench CASCADE")
        connection.execute("CHECKPOINT")

        ((pid,),) = connection.execute("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)").fetchall()

    def server() -> float:
        """CPU seconds of the server and of connections that have ended."""
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        return sum(map(int, numbers)) / os.sysconf("SC_CLK_TCK")

    def native() -> None:
        with psycopg.connect(url) as source, psycopg.connect(url) as target:
            target.execute("CREATE SCHEMA bench; CREATE TABLE bench.docs (LIKE mixed)")
            with (
                source.cursor().copy("COPY mixed TO STDOUT (FORMAT binary)") as read,
                target.cursor().copy("COPY bench.docs FROM STDIN (FORMAT binary)") as write,
            ):
                for data in read:
                    write.write(data)

    def ours() -> None:
        import dlt
        from dlt.sources.sql_database import sql_table

        pipeline = dlt.pipeline("pg_pg", destination=dlt.destinations.postgres(url), dataset_name="bench")
        pipeline.run(sql_table(url, "mixed"), table_name="docs")

    def timed() -> dict[str, Any]:
        before = server()
        (native if setting.variant == "native" else ours)()
        time.sleep(0.5)  # until the connections have ended
        return {"rows": setting.rows, "server": server() - before}

    return timed


def by_adbc(setting: Setting, url: str) -> Timed:
    from adbc_driver_postgresql import dbapi

    def timed() -> None:
        with dbapi.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT * FROM mixed")
            setting.sql("CREATE TABLE bench.docs AS SELECT * FROM source", source=cursor.fetch_record_batch())

    return timed


def by_connectorx(setting: Setting, url: str) -> Timed:
    import connectorx

    def timed() -> None:
        columns = "id, n, name, price, amount, ok, day, seen_at, doc, u, tags"
        found = connectorx.read_sql(url, f"SELECT {columns} FROM mixed", return_type="arrow_stream", batch_size=50_000)
        setting.sql("CREATE TABLE bench.docs AS SELECT * FROM source", source=found)

    return timed


def by_scanner(setting: Setting, url: str) -> Timed:
    import duckdb
    import duckdb_extension_postgres_scanner as extension

    found = next(Path(extension.__file__).parent.rglob("*.duckdb_extension"))
    statements = [
        f"LOAD '{found}'",
        f"ATTACH '{url}' AS pg (TYPE postgres, READ_ONLY)",
        "CREATE TABLE bench.docs AS SELECT * FROM pg.public.mixed",
    ]
    duckdb.connect().close()
    return lambda: setting.sql(*statements)


def differing(setting: Setting) -> dict[str, Any]:
    """How many columns of the loaded table have other values than that of PostgreSQL."""
    import duckdb
    import psycopg

    texts = {
        name: (f"{name}::text", f"{name}::varchar") for name in ("id", "n", "name", "amount", "ok", "day", "doc", "u")
    }
    texts["price"] = ("round(price * 10)::bigint::text", "round(price * 10)::bigint::varchar")
    texts["tags"] = ("to_json(tags)::text", "tags::varchar")
    zone = "seen_at AT TIME ZONE 'UTC'"
    texts["seen_at"] = (f"to_char({zone}, 'YYYY-MM-DD HH24:MI:SS')", f"strftime({zone}, '%Y-%m-%d %H:%M:%S')")
    theirs = ", ".join(f"sum(('x' || substr(md5({one}), 1, 8))::bit(32)::bigint)" for one, _ in texts.values())
    mine = ", ".join(f"sum(('0x' || md5({one})[1:8])::ubigint)" for _, one in texts.values())
    with psycopg.connect(os.environ["BENCH_POSTGRES"]) as connection, duckdb.connect(str(setting.database)) as loaded:
        wanted = connection.execute(f"SELECT {theirs} FROM mixed").fetchone() or ()
        found = loaded.execute(f"SELECT {mine} FROM bench.docs").fetchone() or ()
    return {"wrong": sum(int(one) != int(other) for one, other in zip(wanted, found, strict=True))}


CHECKS: dict[tuple[str, str], Callable[[Setting], dict[str, Any]]] = {("sql", "ours"): differing}  # after the measuring
WORKLOADS: dict[str, Callable[[Setting], Timed]] = {
    **{name: documents(name) for name in GENERATORS},
    "arrow": arrow,
    "files-csv": files("csv"),
    "files-parquet": files("parquet"),
    "json-lines": json_lines,
    "merge": merge,
    "warm": warm,
    "nothing-new": nothing_new,
    "tables": tables,
    "import": import_time,
    "calls": calls,
    "config": config,
    "parallel": parallel,
    "rest": rest,
    "sql": sql,
    "pg_pg": pg_pg,
    "maps": maps,
}


# ---- measuring


def first_use(setting: Setting) -> None:
    """Load a row into another file: what a library imports when it is first used is not measured."""
    setting._replace(database=setting.database.with_name("first.duckdb")).run([{"id": 1}], "docs", name="first")


def cpu_seconds() -> float:
    """User and system time of this process and of the children it has waited for."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_megabytes() -> float:
    """Peak resident memory of this process, of this program only (Linux), or of the process since it was forked."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024) / 1024


def row_counts(database: Path) -> dict[str, int]:
    """Rows by table, without the library's own tables and the 150 small ones."""
    import duckdb

    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'bench' AND table_name LIKE 'docs%' ORDER BY 1"
        ).fetchall()
        counts = {name: connection.execute(f'SELECT count(*) FROM bench."{name}"').fetchone() for (name,) in names}
    return {name: row[0] for name, row in counts.items() if row}


def main(workload: str, variant: str, rows: str, folder: str, data: str) -> None:
    """Run one workload and print what it took."""
    setting = Setting(variant, int(rows), Path(folder) / "loaded.duckdb", Path(data))
    if (variant == "ours" or variant.startswith("dlt")) and workload not in ("import", "calls", "config"):
        first_use(setting)
    timed = WORKLOADS[workload](setting)
    cpu, wall = cpu_seconds(), time.perf_counter()
    extra = timed() or {}
    taken = {"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall, "peak_mb": peak_megabytes()}
    counts = row_counts(setting.database) if setting.database.exists() else {}
    if (check := CHECKS.get((workload, variant))) is not None:
        extra |= check(setting)
    print(json.dumps({**taken, **extra, "counts": counts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
