"""Keys that no row has: a wrong name in the code is an error, not a quarantine full of good rows."""

from __future__ import annotations

import pytest

import dlt
from dlt.errors import StepFailed


@pytest.mark.parametrize("disposition", ["append", "merge"])
def test_a_key_that_no_row_has_is_an_error_that_names_the_nearest(disposition):
    pipeline = dlt.pipeline("keys", destination="duckdb")

    with pytest.raises(StepFailed, match="primary key") as failed:
        pipeline.run([{"id": 1, "userid": 3}], table_name="t", primary_key="user_id", write_disposition=disposition)

    assert failed.value.table == "t"
    assert failed.value.column == "user_id"
    assert "'userid'" in str(failed.value)
    assert not pipeline.has_pending_data


def test_rows_without_a_value_in_a_key_that_others_have_are_kept_aside():
    pipeline = dlt.pipeline("keys", destination="duckdb")
    pipeline.run([{"id": 1, "v": 1}, {"id": None, "v": 2}], table_name="t", primary_key="id")

    info = pipeline.run([{"id": None, "v": 3}], table_name="t", primary_key="id")

    assert info.quarantined == {"t": 1}
