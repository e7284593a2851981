"""Naming conventions, and names that are different for different keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.errors import ConfigError
from dlt.schema.model import Column, Table
from dlt.schema.naming import CONVENTIONS, NameMap, NamingConvention, get_naming, naming_reference, path_text
from dlt.schema.schema import Schema

SNAKE = {
    "UserName": "user_name",
    "userID": "user_id",
    "HTTPResponse": "http_response",
    "__a": "_a",
    "1abc": "_1abc",
    "abc_": "abcx",
    "abc__": "abcxx",
    "a+b": "axb",
    "a-b*c": "a_bxc",
    "a@b|c": "aablc",
    "é": "x",
    "ąść x": "_x",
    "A B": "a_b",
    "iD": "i_d",
    "camelCase2Snake": "camel_case2_snake",
    "%%": "x",
    "x1Y2": "x1_y2",
    "____": "xxxx",
    "_dlt_loads": "_dlt_loads",
}
PATHS = {
    ("snake_case", "a__B"): "a__b",
    ("snake_case", "1__2"): "_1___2",
    ("snake_case", "a___"): "a__x",
    ("snake_case", "__"): "xx",
    ("snake_case", ""): "_empty",
    ("snake_case", " "): "_empty",
    ("duck_case", 'x\ny"z'): "x_y_z",
    ("duck_case", "User Name"): "User Name",
    ("direct", "a__b▶c"): "a__b▶c",
    ("sql_cs_v1", "User Name_"): "User_Name",
    ("sql_cs_v1", "__"): "_",
    ("sql_ci_v1", "User Name"): "user_name",
    ("s3_tables", "_dlt_loads"): "_dlt_loads",
}
keys = st.text(st.sampled_from('aAbB1_ -.\\é▶%"'), max_size=6) | st.text(max_size=4)
paths = st.lists(st.lists(keys, min_size=1, max_size=3).map(tuple), unique=True, max_size=12)
conventions = st.sampled_from(sorted(CONVENTIONS))


@pytest.mark.parametrize(("text", "name"), SNAKE.items())
def test_snake_case(text, name):
    assert get_naming("snake_case").normalize_identifier(text) == name


@pytest.mark.parametrize(("given_text", "name"), PATHS.items())
def test_paths(given_text, name):
    convention, text = given_text

    assert get_naming(convention).normalize_path(text) == name


def test_s3_tables_have_no_leading_underscore():
    assert get_naming("s3_tables").normalize_tables_path("_dlt_loads") == "dlt_loads"
    assert get_naming("s3_tables", 1000).max_length == 255


def test_long_names_keep_both_ends_around_a_tag():
    naming = get_naming("snake_case", 20)

    assert naming.shorten_identifier("abcdefghijklmnopqrstuvwxyz", "ORIG", 20) == "abcdefgganlrgtuvwxyz"
    assert naming.normalize_identifier("  Abcdefghijkl mnopqrstuvwxyz") == "abcdefguvacrqtuvwxyz"
    assert naming.shorten_fragments("abcdefghijkl", "mnopqrstuvwxyz") == "abcdefgjyksjwtuvwxyz"


@given(conventions, st.text(max_size=12))
def test_identifiers_are_idempotent(convention, text):
    naming = get_naming(convention)
    name = naming.normalize_identifier(text) if text.strip() else naming.normalize_path(text)

    assert name
    assert naming.normalize_identifier(name) == name


def test_a_convention_is_found_by_module_and_class(tmp_path, monkeypatch):
    code = "from dlt.schema.naming import NamingConvention as Base\nclass NamingConvention(Base):\n"
    code += "    is_case_sensitive = False\n    def normalize_identifier(self, identifier):\n        return super().normalize_identifier(identifier)[::-1]\n"
    (tmp_path / "reversed_naming.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    by_module = get_naming("reversed_naming")

    assert by_module.normalize_path("abc__de") == "cba__ed"
    assert get_naming("reversed_naming.NamingConvention") is not by_module
    assert type(get_naming(naming_reference(type(by_module)))) is type(by_module)
    assert get_naming("dlt.common.normalizers.naming.duck_case").name() == "duck_case"
    assert get_naming("snake_case", 30) is get_naming("snake_case", 30)


@pytest.mark.parametrize("ref", ["nowhere", "no.module.Here", "json", int])
def test_what_is_no_convention_is_an_error(ref):
    with pytest.raises(ConfigError, match="naming convention"):
        get_naming(ref)


def fresh(convention="snake_case", fold=False, max_length=None):
    return NameMap(get_naming(convention, max_length), {"_dlt_id": "_dlt_id"}, fold=fold)


@given(conventions, paths, st.booleans(), st.sampled_from([None, 24]))
def test_names_are_injective_and_stay_in_the_next_run(convention, asked, fold, max_length):
    names = fresh(convention, fold, max_length)
    first = {path: names.column(path) for path in asked}
    naming = get_naming(convention, max_length)

    assert len({name.lower() if fold else name for name in first.values()}) == len(asked)
    assert all(0 < len(name) <= naming.max_length for name in first.values())

    schema = Schema("s", {"names": convention})
    schema.configure_naming(max_length=max_length)
    table = Table(
        "t",
        {name: Column(name, "text") for name in first.values()},
        extra={"x-normalizer": {"names": names.to_record()}},
    )
    again = NameMap.of_columns(schema, table, fold=fold)

    assert {path: again.column(path) for path in reversed(asked)} == first
    assert again.to_record() == names.to_record()


@given(paths)
def test_texts_of_paths_are_injective(asked):
    assert len({path_text(path) for path in asked}) == len(asked)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param([("na!e",), ("na%e",)], id="C01"),
        pytest.param([("id",), ("ID",), ("Id",)], id="C02"),
        pytest.param([("a", "b"), ("a__b",)], id="C03"),
        pytest.param([("",), (" ",), ("_empty",)], id="C06"),
        pytest.param([("__",), ("_",), ("____",)], id="C07"),
        pytest.param([("_dlt_id",), ("__dlt_id",), ("_Dlt_id",)], id="C14"),
    ],
)
@pytest.mark.parametrize("convention", sorted(CONVENTIONS))
def test_colliding_keys_are_all_kept(asked, convention):
    names = fresh(convention, fold=True)

    assert len({names.column(path) for path in asked}) == len(asked)
    assert all(names.column(path) for path in asked)


def test_the_first_key_keeps_the_plain_name_and_a_notice_names_the_other():
    names = fresh()

    assert names.column(("id",)) == "id"
    assert names.column(("ID",)).startswith("id_")
    assert len(names.collisions) == 1
    assert names.collisions[0].startswith("'ID' is kept as 'id_")


def test_c08_fold_tells_names_apart_that_differ_by_case():
    assert [fresh("duck_case").column((key,)) for key in "Aa"] == ["A", "a"]
    folded = fresh("duck_case", fold=True)
    assert folded.column(("A",)) == "A"
    assert folded.column(("a",)).startswith("a_")


def test_plain_names_need_no_record():
    names = fresh()
    for path in [("id",), ("a", "b"), ("_dlt_id",)]:
        names.column(path)
    names.variant(("id",), "text")

    assert names.to_record() == {}


def test_variants_do_not_meet_keys():
    names = fresh()

    assert names.column(("id__v_text",)) == "id__v_text"
    assert names.variant(("id",), "text") not in ("id__v_text", "id")
    assert names.variant(("ID",), "text") != names.variant(("id",), "text")


def test_a_hint_means_the_column_of_the_key_that_comes():
    names = fresh()

    assert names.hinted("user_id") == "user_id"
    assert names.to_record() == {"user_id": None}
    assert names.column(("userId",)) == "user_id"
    assert names.to_record() == {"userId": "user_id"}
    assert names.hinted("user_id") == names.hinted("userId") == "user_id"
    assert names.column(("user_id",)) != "user_id"


def test_columns_without_a_record_of_their_keys_go_to_the_first_that_asks():
    schema = Schema("s")
    made_elsewhere = Table("t", {"user_id": Column("user_id", "text")}, extra={"x-normalizer": {"seen-data": True}})
    ours = made_elsewhere.with_(extra={"x-normalizer": {"names": {}}})

    assert NameMap.of_columns(schema, made_elsewhere, fold=False).column(("userId",)) == "user_id"
    assert NameMap.of_columns(schema, ours, fold=False).column(("userId",)) != "user_id"


def test_c04_and_c05_tables_have_distinct_names():
    tables = NameMap.of_tables(Schema("s"), fold=True)

    assert tables.column(("orders", "items")) == "orders__items"
    assert tables.column(("orders__items",)).startswith("orders__items_")
    assert tables.column(("my-table",)) == "my_table"
    assert tables.column(("my_table",)).startswith("my_table_")
    assert tables.column(("my_table", "Parts")) == tables.column(("my_table",)) + "__parts"
    assert tables.column(("_dlt_loads ",)) != "_dlt_loads"


def test_tables_are_remembered_by_their_source():
    schema = Schema("s")
    schema.put(Table("my_table", extra={"x-normalizer": {"source": "my-table"}}))
    tables = NameMap.of_tables(schema, fold=False)

    assert tables.column(("my_table",)).startswith("my_table_")
    assert tables.column(("my-table",)) == "my_table"


def test_c10_a_convention_that_changes_its_own_names_is_stable():
    class Prefixed(NamingConvention):
        def normalize_identifier(self, identifier: str) -> str:
            return "x" + super().normalize_identifier(identifier)

    first = NameMap(Prefixed(), {})
    assert first.column(("a",)) == "xa"
    second = NameMap(Prefixed(), {"xa": "xa"}, first.to_record())

    assert second.column(("a",)) == "xa"
    assert second.column(("xa",)) == "xxa"


def test_keys_of_old_schemas_are_not_broken():
    schema = Schema("s", {"use_break_path_on_normalize": False})

    assert NameMap.of_columns(schema, Table("t"), fold=False).column(("a__b",)) == "a_b"
