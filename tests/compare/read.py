"""What an implementation makes of schemas that the other one wrote. Run by the Python of an implementation.

`python -m compare.read FILE`: version and hash of the stored schemas in a file. `... --drawn FILE`: their drawings.
`... --files KIND`: runs with an import path, so that a schema file is written there. `... --imported KIND FOLDER`: runs with
the schema file that is in a folder.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import dlt
from compare.inputs import FILE


def loaded(import_path: Path) -> dict[str, Any]:
    """Run with a schema file, and say which one the schema remembers."""
    made = dlt.pipeline(
        "files",
        pipelines_dir="work",
        destination=dlt.destinations.duckdb(FILE),
        dataset_name="kept",
        import_schema_path=str(import_path),
    )
    columns = {"price": {"data_type": "decimal", "precision": 10}, "code": {"description": "a code"}}
    made.run([{"Id": 1, "price": "1.5", "tags": ["a"]}], table_name="t", primary_key="Id", columns=columns)
    stored = made.default_schema.to_dict()
    return {"imported": stored["imported_version_hash"], "columns": sorted(stored["tables"]["t"]["columns"])}


def drawn(schema: Any) -> str | None:
    """A schema for Graphviz; None: dlt 1.31 cannot draw references to a table whose rows are told apart by content."""
    try:
        text: str = schema.to_dot()
    except ValueError:
        return None
    return text


def main() -> None:
    """See the module."""
    if sys.argv[1] in ("--files", "--imported"):
        os.environ["SCHEMA__EXTERNAL_SCHEMA_FORMAT"] = sys.argv[2]
        folder = Path("schemas")
        if sys.argv[1] == "--imported":
            shutil.copytree(Path(sys.argv[3]) / "schemas", folder)
        print(json.dumps(loaded(folder)))
        return
    stored = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    schemas = [dlt.Schema.from_dict(one) for one in stored]
    if sys.argv[1] == "--drawn":
        mermaid = [one.to_mermaid(hide_descriptions=True) for one in schemas]
        print(json.dumps({"mermaid": mermaid, "dot": [drawn(one) for one in schemas]}))
        return
    print(json.dumps({"schemas": [[one.version, one.version_hash] for one in schemas]}))


if __name__ == "__main__":
    main()
