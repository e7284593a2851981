from __future__ import annotations

import time
from contextlib import closing

import pytest

from dlt.destinations import dummy
from dlt.destinations.registry import create
from dlt.errors import ConfigError, DestinationRefused, NotBuilt, RetryableError
from dlt.load.steps import Add, Commit, Copy, Create, Merge

from .packages import Package, table

NUMBERS = table("numbers", {"a": "bigint"})


@pytest.fixture
def package(own_folder):
    return Package(own_folder, "1700000000.1")


def copied(package, of=NUMBERS, made=None, **options):
    """Copy two rows; returns what was applied."""
    with closing(create(made or dummy(**options)).open("ds", package.load())) as session:
        session.apply(Create(of))
        return session.apply(Copy(of, (package.file(of, [{"a": 1}, {"a": 2}], "jsonl"),)))


def test_it_takes_everything_and_keeps_nothing(package):
    destination = create(dummy(completed_prob=1.0))
    with closing(destination.open("ds", package.load())) as session:
        assert session.apply(Copy(NUMBERS, (package.file(NUMBERS, [{"a": 1}], "jsonl"),), scratch=True)).rows == {
            "numbers": 1
        }
        assert session.apply(Merge((NUMBERS,), "upsert", "")).rows == {"numbers": 1}
        session.apply(Commit({}))
        assert session.reflect(["numbers"]) == {}
        assert session.read("numbers").read_all().num_rows == 0
    assert destination.location == "/dev/null"
    assert not destination.caps.keeps_state
    assert destination.caps.file_formats[0] == "jsonl"


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"fail_prob": 1.0}, DestinationRefused, "option: fail_prob"),
        ({"retry_prob": 1.0}, RetryableError, "option: retry_prob"),
        ({"exception_prob": 1.0, "completed_prob": 1.0}, RetryableError, "option: exception_prob"),
        ({"fail_schema_update": True}, DestinationRefused, "option: fail_schema_update"),
        ({"fail_schema_update_transiently": True}, RetryableError, "option: fail_schema_update_transiently"),
        ({"fail_terminally_in_init": True, "completed_prob": 1.0}, DestinationRefused, "fail_terminally_in_init"),
        ({"fail_transiently_in_init": True, "completed_prob": 1.0}, RetryableError, "fail_transiently_in_init"),
        ({"timeout": 0.01}, DestinationRefused, "not done in time"),
        ({"fail_prob": 1.0, "fail_table_names": ["numbers"]}, DestinationRefused, "table: numbers"),
    ],
)
def test_it_fails_as_asked(package, options, error, why):
    with pytest.raises(error, match=why):
        copied(package, **options)


def test_completed_comes_before_failed(package):
    assert copied(package, completed_prob=1.0, fail_prob=1.0, retry_prob=1.0).rows == {"numbers": 2}


def test_only_some_tables_fail(package):
    assert copied(package, fail_prob=1.0, fail_table_names=["others"]).rows == {"numbers": 2}


def test_a_change_of_a_table_fails_too(package):
    session = create(dummy(fail_schema_update=True)).open("ds", package.load())
    with pytest.raises(DestinationRefused):
        session.apply(Add(NUMBERS, ()))


def test_it_waits_until_something_happens(package, monkeypatch):
    naps = []
    monkeypatch.setattr(time, "sleep", naps.append)
    assert copied(package, completed_prob=0.2, seed=5).rows == {"numbers": 2}
    assert 0 < len(naps) < 50
    assert set(naps) == {0.1}


def outcomes(package, seed):
    made, found = dummy(completed_prob=0.5, fail_prob=0.5, retry_prob=1.0, seed=seed), []
    for _ in range(30):
        try:
            copied(package, made=made)
            found.append("done")
        except (DestinationRefused, RetryableError) as error:
            found.append(error.option)
    return found


def test_a_seed_makes_it_repeatable(package):
    assert outcomes(package, 1) == outcomes(package, 1)
    assert outcomes(package, 1) != outcomes(package, 2)
    assert set(outcomes(package, 1)) == {"done", "fail_prob", "retry_prob"}


def test_settings_of_the_environment(package, monkeypatch):
    monkeypatch.setenv("DESTINATION__DUMMY__FAIL_PROB", "1.0")
    monkeypatch.setenv("DESTINATION__DUMMY__FAIL_TABLE_NAMES", "others,numbers")
    monkeypatch.setenv("DESTINATION__DUMMY__FAIL_SCHEMA_UPDATE", "false")
    monkeypatch.setenv("DESTINATION__DUMMY__LOADER_FILE_FORMAT", "parquet")
    with pytest.raises(DestinationRefused, match="option: fail_prob"):
        copied(package)
    assert dummy().caps.file_formats[0] == "parquet"
    monkeypatch.setenv("DESTINATION__OTHER__FAIL_PROB", "0")
    assert dummy(destination_name="other").behaviour.fail_prob == 0
    monkeypatch.setenv("DESTINATION__DUMMY__FAIL_SCHEMA_UPDATE", "perhaps")
    with pytest.raises(ConfigError, match="fail_schema_update"):
        dummy()


@pytest.mark.parametrize(
    "options", [{"fail_prob": 1.5}, {"retry_prob": -1}, {"timeout": "soon"}, {"loader_file_format": "x"}]
)
def test_wrong_options(options):
    with pytest.raises(ConfigError):
        dummy(**options)


@pytest.mark.parametrize(
    "option", ["create_followup_jobs", "truncate_tables_on_staging_destination_before_load", "credentials"]
)
def test_options_that_are_not_built(option):
    with pytest.raises(NotBuilt, match=f"option: {option}"):
        dummy(**{option: True})


def test_any_capability_can_be_given(caplog):
    assert dummy(naming_convention="direct", max_identifier_length=20, file_bytes=None).caps.max_table_name == 20
    assert dummy(naming_convention="direct").caps.naming == "direct"
    dummy(nonsense=1)
    assert "nonsense is not known" in caplog.text
