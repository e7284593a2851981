"""Runs the pipeline again and again, a dot in the file `begun` for each run: `python follow.py URL`. Made to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pg_replication.mirrors import pipeline, source
from pg_replication.writer import TABLES


def follow(url: str) -> None:
    runs = 0
    while True:
        runs += 1
        with Path("begun").open("a") as file:
            file.write(".")
        pipeline().run(source(url, TABLES, max_changes=(None, 1, 20, 200)[runs % 4]))


if __name__ == "__main__":
    follow(sys.argv[1])
