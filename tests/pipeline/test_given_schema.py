"""A schema that is given to a run: its hints are code, what it learned from data is not."""

from __future__ import annotations

import dlt
from dlt.schema.schema import Schema


def given(**column):
    schema = dlt.Schema("shop")
    columns = {"id": {"name": "id", **column}}
    schema.update_table({"name": "t", "columns": columns, "write_disposition": "append"})
    return schema


def column(pipeline, name):
    return pipeline.schemas["shop"].tables["t"]["columns"][name]


def test_hints_of_the_given_schema_hold():
    pipeline = dlt.pipeline("shop", destination="duckdb")
    pipeline.run([{"id": "007"}], table_name="t", schema=given(data_type="bigint", description="the number"))

    assert column(pipeline, "id")["data_type"] == "bigint"
    assert column(pipeline, "id")["description"] == "the number"
    assert "id__v_text" not in pipeline.schemas["shop"].tables["t"]["columns"]


def test_hints_are_gone_when_the_schema_is_not_given_any_more():
    pipeline = dlt.pipeline("shop", destination="duckdb")
    pipeline.run([{"id": 1}], table_name="t", schema=given(merge_key=True))
    assert column(pipeline, "id")["merge_key"]

    pipeline.run([{"id": 2}], table_name="t")

    assert "merge_key" not in column(pipeline, "id")


def test_what_a_given_schema_learned_from_data_is_no_instruction():
    pipeline = dlt.pipeline("shop", destination="duckdb")
    pipeline.run([{"id": 1, "v": 7}], table_name="t")

    pipeline.run([{"id": 2, "v": "007"}], table_name="t", schema=pipeline.default_schema)

    assert column(pipeline, "v__v_text")["variant"]


def test_an_older_copy_does_not_undo_what_is_known_of_names():
    pipeline = dlt.pipeline("shop", destination="duckdb")
    pipeline.run([{"id": 1, "a!": 1}], table_name="t")
    older = Schema.from_dict(pipeline.default_schema.to_dict())
    pipeline.run([{"id": 2, "a!": 2, "a?": 3}], table_name="t")
    names = list(pipeline.default_schema.tables["t"]["columns"])

    pipeline.run([{"id": 3, "a?": 4, "a!": 5}], table_name="t", schema=older)

    assert list(pipeline.default_schema.tables["t"]["columns"]) == names
