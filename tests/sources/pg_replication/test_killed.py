"""A pipeline that is killed while the source is written to, and started again, ends with the rows of the source."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dlt
from dlt.sources.pg_replication import cleanup
from pg_replication.mirrors import check_same, connected, pipeline, source
from pg_replication.writer import TABLES, Writer, random_writer

SCRIPT = Path(__file__).with_name("follow.py")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_any_moment(postgres, own_folder, seed):
    writer, chance = random_writer(postgres, seed), random.Random(seed)
    writer.setup()
    writing = threading.Event()
    writing.set()

    def write() -> None:
        while writing.is_set():
            writer.write(3)
            time.sleep(chance.random() / 20)

    thread = threading.Thread(target=write)
    thread.start()
    begun, killed = Path("begun"), 0
    try:
        for _ in range(12):
            begun.write_text("")
            wanted = chance.randint(1, 3)  # runs that begin before it is killed
            with Path("log").open("wb") as log:
                process = subprocess.Popen([sys.executable, str(SCRIPT), postgres], stderr=log)
                while begun.stat().st_size < wanted and process.poll() is None:
                    time.sleep(0.01)
                time.sleep(chance.random() * 0.5)
                assert process.poll() is None, Path("log").read_text()[-3000:]
                process.kill()
                process.wait()
                killed += 1
    finally:
        writing.clear()
        thread.join()

    pipeline().run(source(postgres, TABLES))

    assert killed == 12
    assert writer.altered
    check_same(postgres, *TABLES)


@pytest.mark.slow
def test_random_transactions(postgres, own_folder, monkeypatch):
    """The same without kills, for small transactions that Hypothesis makes as small as they can be."""
    examples = iter(range(10**6))

    @settings(
        max_examples=int(os.environ.get("EXAMPLES", "12")), suppress_health_check=list(HealthCheck), deadline=None
    )
    @given(st.data())
    def follows(data: st.DataObject) -> None:
        folder = own_folder / f"example{next(examples)}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("DLT_DATA_DIR", str(folder / "data"))
        cleanup("slot", "pub", postgres)
        with connected(postgres) as connection:
            connection.execute("DROP TABLE IF EXISTS a, b, c")
        writer = Writer(postgres, lambda below: data.draw(st.integers(0, below - 1)))
        writer.setup()
        for _ in range(data.draw(st.integers(1, 3))):
            pipeline().run(source(postgres, TABLES, target_batch_size=data.draw(st.sampled_from([1, 3, 1000]))))
            writer.write(data.draw(st.integers(1, 5)))
        pipeline().run(source(postgres, TABLES))

        check_same(postgres, *TABLES)

    follows()
    assert isinstance(dlt.current.pipeline(), dlt.Pipeline)
