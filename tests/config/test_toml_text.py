"""4.4: values set in code are written into the TOML files of the project, and nothing else in them changes."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dlt
from dlt.config.toml_text import leaves, with_values, written
from dlt.errors import ConfigError

WRITTEN = {
    "an empty file": ("", {"a": 1}, "a = 1\n"),
    "a new table": ("", {"a": {"b": 1}}, "[a]\nb = 1\n"),
    "behind another table": ("[x]\ny = 1\n", {"a": {"b": 1}}, "[x]\ny = 1\n\n[a]\nb = 1\n"),
    "a key at the top": ("# note\n\n# of x\n[x]\ny = 1\n", {"a": 1}, "# note\n\na = 1\n\n# of x\n[x]\ny = 1\n"),
    "behind other keys": ("b = 2\n\n[x]\n", {"a": 1}, "b = 2\na = 1\n\n[x]\n"),
    "a value with a comment": ("[a]\nb = 1  # one\n", {"a": {"b": 2}}, "[a]\nb = 2  # one\n"),
    "a text with a hash": ('[a]\nb = "#1" # one\n', {"a": {"b": "#2"}}, '[a]\nb = "#2" # one\n'),
    "over several lines": ("a = [\n  1, # one\n  2,\n] # list\nb = 1\n", {"a": [3]}, "a = [3] # list\nb = 1\n"),
    "a long text": ('a = """x\n[no]\nb = 1\n"""\n[t]\n', {"b": 2}, 'a = """x\n[no]\nb = 1\n"""\nb = 2\n\n[t]\n'),
    "in its table": ("[a]\nb = 1\n\n[c]\n", {"a": {"d": 2}}, "[a]\nb = 1\nd = 2\n\n[c]\n"),
    "a key with dots": ("a.b = 1\n", {"a": {"b": 2}}, "a.b = 2\n"),
    "a table in one line": ("a = {b = 1} # x\n", {"a": {"c": 2}}, "a = {b = 1, c = 2} # x\n"),
    "a key in quotes": ('["x.y"]\n"a=b" = 1\n', {"x.y": {"a=b": 2}}, '["x.y"]\n"a=b" = 2\n'),
    "between lists of tables": ("[[l]]\nx = 1\n[[l]]\nx = 2\n", {"a": {"b": 1}}, "[[l]]\nx = 1\n[[l]]\nx = 2\n\n[a]\nb = 1\n"),
    "indented": ("  [a]\n    b = 1\n", {"a": {"b": 2}}, "  [a]\n    b = 2\n"),
    "several": ("[a]\nb = 1\n", {"a": {"b": 2, "c": {"d": "x"}}}, '[a]\nb = 2\n\n[a.c]\nd = "x"\n'),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_section_4_4_text(name: str) -> None:
    text, values, expected = WRITTEN[name]

    assert with_values(text, values) == expected


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("a = 1\n", {"a": {"b": 2}}, "nothing can be below"),
        ("[a]\nb.c = 1\n", {"a": {"b": {"c": {"d": 1}}}}, "nothing can be below"),
        ("[[a]]\nb = 1\n", {"a": {"b": 2}}, "nothing can be below"),
        ("", {"a": None}, "cannot hold a NoneType"),
        ("", {"a": [object()]}, "cannot hold a object"),
    ],
)
def test_what_has_no_place_is_refused(text: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_values(text, values)


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.dates()
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab. \"'=#", min_size=1), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_any_value_comes_back(value: Any) -> None:
    assert tomllib.loads(f"k = {written(value)}")["k"] == value


KEYS = st.sampled_from(["a", "b", "a.b", "c d"])
DOCUMENTS = st.dictionaries(KEYS, st.integers() | st.dictionaries(KEYS, st.integers() | st.lists(st.integers())))


@given(DOCUMENTS, DOCUMENTS)
def test_one_document_over_another(first: dict[str, Any], second: dict[str, Any]) -> None:
    """What is written first is read again, and each value that is written later is there or was refused."""
    text = with_values("# kept\n", first)
    assert tomllib.loads(text) == first
    try:
        text = with_values(text, second)
    except ConfigError as error:
        assert "below it" in str(error) or "no place" in str(error)  # noqa: PT017 - most of the documents are not refused
        return
    found = tomllib.loads(text)
    assert dict(leaves(second)).items() <= dict(leaves(found)).items() or any(value == {} for value in second.values())
    assert "# kept" in text


def test_values_of_other_types_are_texts() -> None:
    values = {"a": Decimal("1.50"), "b": Path("x/y"), "c": date(2024, 1, 2), "d": datetime(2024, 1, 2, 3, tzinfo=UTC)}

    found = tomllib.loads(with_values("", values))

    assert found == {**values, "a": "1.50", "b": "x/y"}


def test_section_4_4_write(write: Any, own_folder: Path) -> None:
    write(config="# mine\n[a]\nk = 1 # one\n")
    dlt.config["a.k"] = 2
    dlt.secrets["b.token"] = "t0ken"

    written_to = dlt.config.write()
    dlt.secrets.writable_provider.write_toml()

    folder = own_folder / ".dlt"
    assert written_to == folder / "config.toml"
    assert (folder / "config.toml").read_text() == "# mine\n[a]\nk = 2 # one\n"
    assert (folder / "secrets.toml").read_text() == '[b]\ntoken = "t0ken"\n'
    assert (folder / "secrets.toml").stat().st_mode & 0o777 == 0o600
    assert dlt.config.write() is None
    assert (dlt.config["a.k"], dlt.secrets["b.token"]) == (2, "t0ken")

    write(config="[a]\nk = 3")
    assert dlt.config["a.k"] == 3


def test_a_file_that_is_no_toml_stays(write: Any, own_folder: Path) -> None:
    dlt.config["a"] = 2
    write(config="a = = 1")

    with pytest.raises(ConfigError, match="not TOML"):
        dlt.config.write()
    assert (own_folder / ".dlt" / "config.toml").read_text() == "a = = 1"
