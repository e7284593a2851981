"""Data sets in PostgreSQL that two implementations load by turns. Run by the Python of one of them.

`python -m compare.in_postgres FOLDER URL TURN NAME...`: carries out one turn of these data sets, each in a schema of its name.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import dlt
from compare.turns import TURNS


def main() -> None:
    """See the module."""
    folder, url, turn, *names = sys.argv[1:]
    for name in names:
        work = Path(folder) / name
        shutil.rmtree(work, ignore_errors=True)
        destination = dlt.destinations.postgres(url)
        made = dlt.pipeline(f"p_{name}", pipelines_dir=str(work), destination=destination, dataset_name=name)
        TURNS[name](made, int(turn))
    print(json.dumps(names))


if __name__ == "__main__":
    main()
