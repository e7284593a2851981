"""Lines of JSON as items: the same tables as their rows make, and rows for whoever looks at them."""

from __future__ import annotations

import json

import duckdb
import pytest

import dlt
from dlt.items import JsonRows

DOCS = [
    {"id": n, "name": f"n{n}", "score": n / 4, "user": {"id": n % 3, "geo": {"lat": 0.5}}, "tags": ["a", "b"][: n % 3]}
    for n in range(40)
]
LATE = [{"id": 40, "name": 7, "new": True}, {"id": "x", "score": 1}, {"id": 42, "items": [{"k": 1}]}]


def parse(lines):
    return [json.loads(line) for line in lines.split(b"\n")]


def pages(docs, size=5):
    for start in range(0, len(docs), size):
        yield JsonRows("\n".join(map(json.dumps, docs[start : start + size])).encode(), parse)


def loaded(data, **hints):
    pipeline = dlt.pipeline(
        "p", destination=dlt.destinations.duckdb("p.duckdb"), dataset_name=hints.pop("dataset", "d")
    )
    info = pipeline.run(data, **hints)
    return pipeline, info


def table(dataset, name):
    with duckdb.connect("p.duckdb") as connection:
        found = connection.sql(f'SELECT * FROM {dataset}."{name}"')
        names = [
            column for column in sorted(found.columns) if not column.startswith("_dlt") or column == "_dlt_list_idx"
        ]
        rows = connection.sql(f"SELECT {', '.join(names)} FROM {dataset}.{name}").fetchall()
    return names, sorted(rows, key=repr)


@pytest.mark.parametrize("docs", [DOCS, DOCS + LATE, LATE + DOCS, [{"a": {}}, {"a": []}] * 9 + [{"a": {"b": 1}}]])
def test_the_same_tables_as_rows(docs):
    pipeline, _ = loaded(pages(docs), table_name="t", dataset="lines")
    loaded(iter(docs), table_name="t", dataset="dicts")

    for name in pipeline.default_schema.data_table_names():
        assert table("lines", name) == table("dicts", name)


def test_each_row_is_counted():
    pipeline, _ = loaded(dlt.resource(pages(DOCS), name="t").add_limit(3))

    assert len(table("d", "t")[1]) == 15
    assert pipeline.last_trace.last_normalize_info.row_counts["t"] == 15


def test_code_of_the_user_sees_rows():
    resource = dlt.resource(lambda: pages(DOCS), name="t")
    assert list(resource()) == DOCS
    seen = []
    loaded(resource.add_filter(lambda row: row["id"] % 2).add_map(lambda row: seen.append(row["id"]) or row))

    assert seen == list(range(1, 40, 2))
    assert len(table("d", "t")[1]) == 20


def test_transformers_incrementals_and_names_by_row():
    docs = dlt.resource(lambda: pages(DOCS), name="docs")
    ids = dlt.transformer(lambda rows: [{"id": row["id"]} for row in rows], name="ids")
    assert [row["id"] for row in docs | ids] == list(range(40))

    new = dlt.resource(lambda: pages(DOCS), name="new", primary_key="id").apply_hints(
        incremental=dlt.sources.incremental("id", initial_value=30)
    )
    loaded(new)
    _, again = loaded(new)
    assert len(table("d", "new")[1]) == 10
    assert not again.loads_ids

    loaded(dlt.resource(lambda: pages(DOCS), name="by", table_name=lambda row: f"by_{row['id'] % 2}"))
    assert len(table("d", "by_0")[1]) == len(table("d", "by_1")[1]) == 20


def test_versions_of_rows():
    scd2 = {"disposition": "merge", "strategy": "scd2"}
    loaded(pages(DOCS), table_name="t", write_disposition=scd2)
    loaded(iter(DOCS), table_name="t", write_disposition=scd2)

    assert len(table("d", "t")[1]) == 40  # their ids are those of the rows


def test_lines_that_are_no_json_are_for_the_reader_to_blame():
    with pytest.raises(dlt.errors.StepFailed, match="Expecting"):
        loaded(JsonRows(line, parse) for line in (b'{"a":1}', b'{"a":1}', b'{"a":'))
