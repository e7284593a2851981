"""`dlt.attach`: taking up a pipeline that ran before changes nothing of it."""

from __future__ import annotations

from pathlib import Path

import dlt


def test_a_pipeline_in_dev_mode_is_left_as_it_is() -> None:
    pipeline = dlt.pipeline("shop", destination="duckdb", dev_mode=True)
    pipeline.run([{"id": 1}], table_name="orders")
    pipeline.extract([{"id": 2}], table_name="orders")
    before = Path(pipeline.working_dir, "state.json").read_text()
    pipeline.deactivate()

    found = dlt.attach("shop")

    assert Path(found.working_dir, "state.json").read_text() == before
    assert found.list_extracted_load_packages() == pipeline.list_extracted_load_packages()
    assert found.dataset_name == pipeline.dataset_name
    assert not found.dev_mode


def test_the_destination_is_the_one_loaded_to() -> None:
    dlt.pipeline("shop", destination="duckdb").run([{"id": 1}], table_name="orders")

    found = dlt.attach("shop").destination

    assert found is not None
    assert found.name == "duckdb"
    assert dlt.pipeline("new").destination is None


def test_a_run_goes_on_in_the_data_set_of_dev_mode() -> None:
    pipeline = dlt.pipeline("shop", destination="duckdb", dev_mode=True)
    pipeline.run([{"id": 1}], table_name="orders")
    pipeline.deactivate()

    info = dlt.attach("shop").run([{"id": 2}], table_name="orders")

    assert info is not None
    assert info.dataset_name == pipeline.dataset_name
    with pipeline.session() as session:
        assert session.read("orders").read_all().column("id").to_pylist() == [1, 2]


def test_the_next_pipeline_of_the_name_begins_anew() -> None:
    dlt.pipeline("shop", destination="duckdb", dev_mode=True).run([{"id": 1}], table_name="orders")
    dlt.attach("shop").deactivate()

    assert dlt.pipeline("shop", destination="duckdb").schema_names == []
