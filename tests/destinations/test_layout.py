from __future__ import annotations

import datetime as dt

import pytest

from dlt.destinations._layout import DATE_PARTS, Layout, Moment, as_moment, file_id
from dlt.errors import ConfigError, PlanError

CREATED = dt.datetime(2024, 5, 6, 7, 8, 9, 123456, dt.UTC)
TUESDAY = dt.datetime(2024, 3, 5, 7, 8, 9, 123456, dt.UTC)
SUNDAY = dt.datetime(2023, 10, 15, 17, 0, 0, 5678, dt.UTC)
ID = file_id("1.5", "00001.jsonl.gz")


def named(text, at=TUESDAY, table="tab", ext="jsonl.gz", **extra):
    return Layout.of(text, extra).name("sch", table, "1.5", "00001.jsonl.gz", ext, Moment(at, CREATED))


def test_every_part_of_a_date_as_dlt_writes_it():
    text = "{table_name}/" + "-".join(f"{{{name}}}" for name in DATE_PARTS) + "/{file_id}"
    assert (
        named(text)
        == f"tab/2024-24-2024-march-mar-03-3-05-5-07-7-08-8-09-9-1234-123-12-1-tuesday-tue-tu-2-1/{ID}.jsonl.gz"
    )
    assert named(text, SUNDAY) == (
        f"tab/2023-23-2023-october-oct-10-10-15-15-17-17-00-0-00-0-0056-005-00-0-sunday-sun-su-0-4/{ID}.jsonl.gz"
    )


def test_times_of_the_load_and_of_its_package():
    text = (
        "{table_name}/{curr_date}/{timestamp}/{timestamp_ms}/{load_package_timestamp}/{load_package_timestamp_ms}.{ext}"
    )
    assert named(text) == "tab/2024-03-05/1709622489/1709622489123/1714979289/1714979289123.jsonl.gz"


def test_a_time_is_written_in_its_own_zone():
    berlin = dt.datetime(2024, 3, 5, 1, 8, 9, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert named("{table_name}/{HH}/{curr_date}/{timestamp}.{ext}", berlin) == "tab/01/2024-03-05/1709597289.jsonl.gz"


def test_a_time_without_a_zone_is_in_utc():
    assert (
        as_moment(dt.datetime(2024, 1, 2)) == as_moment("2024-01-02T00:00:00") == dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
    )


@pytest.mark.parametrize("value", [5, "yesterday", None, dt.date(2024, 1, 1)])
def test_what_is_no_time_is_refused(value):
    with pytest.raises(ConfigError, match="no date and time"):
        as_moment(value)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{table_name}/{load_id}.{file_id}.{ext}", f"tab/1.5.{ID}.jsonl.gz"),
        ("{schema_name}/{table_name}/{load_id}.{ext}", "sch/tab/1.5.jsonl.gz"),
        ("{schema_name}.{table_name}.{load_id}.{file_id}.{ext}", f"sch.tab.1.5.{ID}.jsonl.gz"),
        ("x/{table_name}/{file_id}", f"x/tab/{ID}.jsonl.gz"),
        ("{table_name}_{file_id}.{ext}", f"tab_{ID}.jsonl.gz"),
        ("{table_name}/{table_name}/{file_id}_{ext}", f"tab/tab/{ID}_jsonl.gz"),
        ("{table_name}/{ext}/{file_id}", f"tab/jsonl.gz/{ID}"),
        ("{table_name}.{ext}.bak", "tab.jsonl.gz.bak"),
    ],
)
def test_names(text, path):
    assert named(text) == path


def test_a_file_without_an_extension_in_its_layout_gets_one():
    assert Layout.of("{table_name}/{file_id}").text == "{table_name}/{file_id}.{ext}"
    assert Layout.of("{table_name}").text == "{table_name}.{ext}"


def test_extra_placeholders_are_values_or_functions():
    text = "{table_name}/{owner}/{n}/{f}.{ext}"
    made = named(text, owner="Bob Smith/X", n=7, f=lambda *parts: "+".join(parts))
    assert made == f"tab/Bob Smith/X/7/sch+tab+1.5+{ID}+jsonl.gz.jsonl.gz"


def test_a_function_is_only_called_for_a_placeholder_that_is_used():
    assert named("{table_name}/{file_id}", unused=lambda *_: 1 / 0) == f"tab/{ID}.jsonl.gz"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{table_name}/{foo}.{ext}", "unknown placeholder 'foo'"),
        ("{table_name}/{}", "unknown placeholder ''"),
        ("{table_name}/{YYYY:04}", "no format"),
        ("{table_name}/{ext!r}", "no format"),
        ("{table_name}/{{x}}/{file_id}", "braces"),
        ("{table_name}/{file_id", "expected '}'"),
        ("{load_id}/{table_name}/{file_id}", "only {schema_name} may stand before"),
        ("{YYYY}/{table_name}/{file_id}", "only {schema_name} may stand before"),
        ("{file_id}", "needs {table_name}"),
        ("", "needs {table_name}"),
        ("{table_name}{file_id}", "a separator must follow"),
        ("{table_name}x/{file_id}", "a separator must follow"),
        ("/{table_name}/{file_id}", "path in the data set"),
        ("../{table_name}/{file_id}", "path in the data set"),
        ("{table_name}/../{file_id}", "path in the data set"),
        ("a//{table_name}/{file_id}", "path in the data set"),
        (r"{table_name}\{file_id}", "path in the data set"),
        ("_dlt_loads/{table_name}/{file_id}", "one of dlt's own"),
        ("init/{table_name}/{file_id}", "one of dlt's own"),
    ],
)
def test_layouts_that_are_refused(text, why):
    with pytest.raises(ConfigError, match=why):
        Layout.of(text)


@pytest.mark.parametrize(
    ("text", "extra"),
    [
        ("{owner}/{table_name}/{file_id}", {"owner": "x"}),
        ("{table_name}/{file_id}", {"table_name": "same"}),
        ("{schema_name}/{table_name}/{file_id}", {"schema_name": lambda *_: "s"}),
        ("{schema_name}/{table_name}/{file_id}", {"schema_name": "../s"}),
    ],
)
def test_extra_placeholders_that_would_mix_tables_are_refused(text, extra):
    with pytest.raises(ConfigError):
        Layout.of(text, extra)


def test_a_placeholder_cannot_lead_out_of_the_data_set():
    with pytest.raises(PlanError, match="leads out"):
        named("{table_name}/{x}/{file_id}", x="../..")


@pytest.mark.parametrize("table", ["a/b", r"a\b", "a\0b", "..", ""])
def test_names_of_tables_that_are_no_names_of_folders(table):
    with pytest.raises(PlanError, match="cannot have files"):
        named("{table_name}/{file_id}", table=table)


def test_a_table_that_would_hide_a_file_of_dlt():
    with pytest.raises(PlanError, match="among those of dlt itself"):
        named("{table_name}/{file_id}", table="init")
    assert named("data/{table_name}/{file_id}", table="init") == f"data/init/{ID}.jsonl.gz"
    assert named("{table_name}.{file_id}", table="init") == f"init.{ID}.jsonl.gz"


@pytest.mark.parametrize(
    ("text", "extra", "unique"),
    [
        ("{table_name}/{load_id}.{file_id}.{ext}", {}, True),
        ("{table_name}/{file_id}.{ext}", {}, True),
        ("{table_name}/{load_id}.{ext}", {}, True),
        ("{table_name}/{timestamp_ms}.{ext}", {}, True),
        ("{table_name}/{x}.{ext}", {"x": lambda *_: "y"}, True),
        ("{table_name}.{ext}", {}, False),
        ("{table_name}/{timestamp}.{ext}", {}, False),
        ("{table_name}/{YYYY}-{MM}-{DD}.{ext}", {}, False),
        ("{table_name}/{x}.{ext}", {"x": "y"}, False),
        ("{table_name}/{file_id}.{ext}", {"file_id": "same"}, False),
        ("{table_name}.{ext}", {"file_id": lambda *_: "y"}, False),
    ],
)
def test_which_layouts_are_unique(text, extra, unique):
    assert Layout.of(text, extra).is_unique is unique


def test_file_ids_differ_between_loads_and_files_and_stay():
    made = {file_id(load, path) for load in ("1.1", "1.2") for path in ("00001.jsonl", "00002.jsonl")}
    assert len(made) == 4
    assert file_id("1.1", "00001.jsonl") in made
    assert all(len(one) == 10 for one in made)


# a table, other tables, and the layouts in which their names begin alike
FLAT = ["{table_name}.{ext}", "{table_name}_{file_id}.{ext}", "{table_name}-{load_id}-{file_id}.{ext}"]


@pytest.mark.parametrize("text", [*FLAT, "{table_name}_{MMMM}_{d}/{load_id}.{ext}", "{table_name}.{load_id}.{ext}"])
@pytest.mark.parametrize("others", [("event", "events", "event_x", "event_x_y", "event_1"), ("a", "a.b", "a-1", "a_b")])
def test_c30b_a_file_belongs_to_one_table(text, others):
    layout = Layout.of(text)
    moment = Moment(TUESDAY, CREATED)
    for table in others:
        path = layout.name("sch", table, "1.5", "00001.parquet", "parquet", moment)
        assert [one for one in others if layout.owns("sch", one, path, others)] == [table]


def test_files_of_other_programs_belong_to_no_table_that_has_no_folder():
    layout = Layout.of("{table_name}_{file_id}.{ext}")
    assert not layout.owns("sch", "event", "event_notes.txt")
    assert Layout.of("{table_name}/{file_id}").owns("sch", "event", "event/notes.txt")
