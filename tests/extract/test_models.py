"""Pydantic models as columns: what a model declares, rows that are checked by it."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Optional

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel

import dlt
from dlt.errors import ContractViolation, NotBuilt, SchemaError
from dlt.extract.placing import placed
from dlt.items import RefusedRows


class Colour(enum.Enum):
    RED = "red"


class Level(int, enum.Enum):
    LOW = 1


class Address(BaseModel):
    city: str
    code: int | None = None


class Everything(BaseModel):
    text: str
    integer: int
    double: float
    flag: bool
    number: decimal.Decimal
    day: dt.date
    moment: dt.datetime
    hour: dt.time
    blob: bytes
    maybe: Optional[int] = None  # noqa: UP045
    either: int | str = 0
    noted: Annotated[int, Field(ge=0)] = 0
    colour: Colour = Colour.RED
    level: Level = Level.LOW
    word: Literal["a", "b"] = "a"
    key: uuid.UUID | None = None
    anything: Any = None
    tags: list[str] = []
    options: dict[str, int] = {}
    address: Address | None = None
    renamed: int = Field(0, alias="otherName")


COLUMNS = {
    "text": ("text", False),
    "integer": ("bigint", False),
    "double": ("double", False),
    "flag": ("bool", False),
    "number": ("decimal", False),
    "day": ("date", False),
    "moment": ("timestamp", False),
    "hour": ("time", False),
    "blob": ("binary", False),
    "maybe": ("bigint", True),
    "either": ("bigint", False),
    "noted": ("bigint", False),
    "colour": ("text", False),
    "level": ("bigint", False),
    "word": ("text", False),
    "key": ("text", True),
    "tags": ("json", False),
    "options": ("json", False),
    "address": ("json", True),
    "otherName": ("bigint", False),
}


class Flat(BaseModel):
    dlt_config: ClassVar[Any] = {"skip_nested_types": True}

    id: int
    address: Address
    tags: list[str] = []


class Row(BaseModel):
    id: int
    name: str = "none"


class Strict(Row):
    model_config = ConfigDict(extra="forbid")


class Open(Row):
    model_config = ConfigDict(extra="allow")


def made(model: Any, rows: Any, **hints: Any) -> Any:
    return dlt.resource(rows, name="rows", columns=model, **hints)


def test_columns_of_a_model() -> None:
    columns = made(Everything, []).columns

    assert {name: (column["data_type"], column["nullable"]) for name, column in columns.items()} == COLUMNS
    assert all(column["name"] == name for name, column in columns.items())


def test_nested_models_as_columns_of_their_own() -> None:
    columns = made(Flat, []).columns

    assert {name: (column["data_type"], column["nullable"]) for name, column in columns.items()} == {
        "id": ("bigint", False),
        "address__city": ("text", False),
        "address__code": ("bigint", True),
    }


def test_rows_are_checked_and_completed() -> None:
    for rows in ([{"id": "1", "more": 2}, {"id": 2}], [[{"id": "1", "more": 2}, {"id": 2}]]):
        assert list(made(Row, rows)) == [{"id": 1, "name": "none"}, {"id": 2, "name": "none"}]


def test_models_may_be_rows() -> None:
    assert list(made(Row, [Row(id=1), Row(id=2, name="b")])) == [{"id": 1, "name": "none"}, {"id": 2, "name": "b"}]


def test_an_instance_only_declares() -> None:
    resource = made(Row(id=0), [{"id": "1"}])

    assert (list(resource.columns), resource.validator) == (["id", "name"], None)
    assert list(resource) == [{"id": "1"}]


def test_aliases_are_the_names() -> None:
    class Renamed(BaseModel):
        renamed: int = Field(alias="otherName")

    assert list(made(Renamed, [{"otherName": 1}])) == [{"otherName": 1}]


def test_models_may_be_kept() -> None:
    class Kept(Row):
        dlt_config: ClassVar[Any] = {"return_validated_models": True}

    assert list(made(Kept, [{"id": 1}])) == [Kept(id=1)]


CONTRACTS = {Row: "discard_value", Strict: "freeze", Open: "evolve"}


@pytest.mark.parametrize("model", CONTRACTS)
def test_contract_of_a_model(model: Any) -> None:
    assert made(model, []).schema_contract == {
        "tables": "evolve",
        "columns": CONTRACTS[model],
        "data_type": "freeze",
    }


BAD: dict[str, tuple[type[BaseModel], Any, str]] = {
    "type": (Row, {"id": "x"}, "id"),
    "missing": (Row, {"name": "x"}, "id"),
    "too much": (Strict, {"id": 1, "more": 1}, "more"),
    "nested": (Flat, {"id": 1, "address": {"city": "a", "code": "x"}}, "address.code"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rows(name: str) -> None:
    model, row, column = BAD[name]

    def rows() -> Iterator[Any]:
        yield row

    with pytest.raises(ContractViolation) as failed:
        list(made(model, rows))
    assert failed.value.column == column
    assert repr(row) in failed.value.value


def test_validation_comes_after_the_other_steps() -> None:
    resource = made(Row, [{"id": "x"}]).add_map(lambda row: {"id": 1})

    assert list(resource) == [{"id": 1, "name": "none"}]


def test_the_latest_model_holds() -> None:
    resource = made(Row, [{"id": 1, "more": 2}]).apply_hints(columns=Open)

    assert list(resource) == [{"id": 1, "name": "none", "more": 2}]
    assert len([step for step in resource._pipe.steps if step.kind == "validate"]) == 1


def late(*rows: Any, **options: Any) -> tuple[list[Any], list[Any]]:
    """The good rows with their tables, and the refused ones, of a resource of these items."""
    found = list(placed(dlt.source(lambda: dlt.resource(list(rows), name="rows", **options), name="made")(), {}))
    good = [(place[0], item) for place, item in found if not isinstance(item, RefusedRows)]
    return good, [row for _, item in found if isinstance(item, RefusedRows) for row in item]


@pytest.mark.parametrize("variant", [False, True])
def test_2_8_a_model_may_come_while_rows_are_made(variant: bool) -> None:
    hints = dlt.mark.make_hints(table_name="t", columns=Row, schema_contract={"data_type": "discard_row"})
    marked = dlt.mark.with_hints([{"id": 1}, {"id": "x"}], hints, variant)

    good, refused = late([{"id": "any"}], marked, [{"id": "2"}])

    after = ("rows", [{"id": "2"}]) if variant else ("t", [{"id": 2, "name": "none"}])
    assert good == [("rows", [{"id": "any"}]), ("t", [{"id": 1, "name": "none"}]), after]
    assert refused == [{"id": "x"}]


def test_2_8_a_later_model_takes_the_place_of_the_first() -> None:
    class Other(BaseModel):
        key: int

    marked = dlt.mark.with_hints([{"key": "3"}], dlt.mark.make_hints(columns=Other))

    good, _ = late([{"id": "1"}], marked, [{"key": "4"}], columns=Row)

    assert good == [("rows", [{"id": 1, "name": "none"}]), ("rows", [{"key": 3}]), ("rows", [{"key": 4}])]


class Cat(BaseModel):
    kind: Literal["cat"]
    id: int
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    id: int
    toy: Optional[str] = None  # noqa: UP045


class Pet(RootModel[Annotated[Cat | Dog, Field(discriminator="kind")]]):
    pass


class KnownPet(RootModel[Annotated[Cat | Dog, Field(discriminator="kind")]]):
    dlt_config: ClassVar[Any] = {"is_authoritative_model": True}


PETS = [{"kind": "cat", "id": "1", "gone": 1}, {"kind": "dog", "id": 2}]


@pytest.mark.parametrize("model", [Pet, KnownPet])
def test_2_8_root_models(model: Any) -> None:
    resource = made(model, PETS)

    assert list(resource.columns) == ["kind", "id"]
    assert list(resource) == [{"kind": "cat", "id": 1, "lives": 9}, {"kind": "dog", "id": 2, "toy": None}]
    declared = ["kind", "id", "lives", "toy"] if model is KnownPet else ["kind", "id"]
    assert list(resource.columns) == declared
    assert all(resource.columns[name]["nullable"] for name in declared[2:])


@pytest.mark.parametrize(
    ("extra", "found"),
    [
        ("evolve", {"kind": "cat", "id": 1, "lives": 9, "gone": 1}),
        ("discard_value", {"kind": "cat", "id": 1, "lives": 9}),
    ],
)
def test_2_8_contracts_reach_the_variants_of_root_models(extra: str, found: Any) -> None:
    assert list(made(Pet, PETS[:1], schema_contract={"columns": extra})) == [found]
    with pytest.raises(ContractViolation, match="not permitted"):
        list(made(Pet, PETS[:1], schema_contract={"columns": "freeze"}))


def test_2_8_kept_root_models_are_those_of_the_variant() -> None:
    class Kept(Pet):
        dlt_config: ClassVar[Any] = {"return_validated_models": True}

    assert list(made(Kept, PETS)) == [Cat(kind="cat", id=1), Dog(kind="dog", id=2)]


def test_2_8_a_root_without_model_has_no_columns() -> None:
    with pytest.raises(SchemaError, match="no model"):
        made(RootModel[list[int]], [])


def test_2_8_single_values_are_never_discarded_for_their_type() -> None:
    with pytest.raises(NotBuilt):
        dlt.resource([], name="rows", columns=Row, schema_contract={"data_type": "discard_value"})


# ---- contracts that go before what the model says


class Street(BaseModel):
    name: str


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int
    street: Street | None = None
    streets: list[Street] = []
    friend: Optional[Person] = None  # noqa: UP045


def contracted(contract: Any, rows: Any, model: Any = Person) -> list[Any]:
    return list(dlt.resource(rows, name="rows", columns=model, schema_contract=contract))


def test_extra_fields_are_let_in_also_those_of_models_in_fields() -> None:
    row = {"id": 1, "more": 2, "street": {"name": "a", "no": 1}, "streets": [{"name": "b", "no": 2}]}
    row["friend"] = {"id": 2, "more": 3, "street": None, "streets": [], "friend": None}

    assert contracted({"columns": "evolve"}, [row]) == [row]


def test_extra_fields_are_discarded() -> None:
    rows = contracted({"columns": "discard_value"}, [{"id": 1, "more": 2, "street": {"name": "a", "no": 1}}])

    assert rows == [{"id": 1, "street": {"name": "a"}, "streets": [], "friend": None}]


def test_extra_fields_are_refused() -> None:
    with pytest.raises(ContractViolation) as failed:
        contracted({"columns": "freeze"}, [{"id": 1}, {"id": 2, "more": 3}], Row)

    assert (failed.value.column, failed.value.position, failed.value.schema_entity) == ("more", 1, "columns")


def test_types_may_be_anything() -> None:
    rows = contracted({"data_type": "evolve"}, [{"id": "x", "name": 5}], Row)

    assert rows == [{"id": "x", "name": 5}]


def test_a_contract_that_comes_later_holds() -> None:
    resource = dlt.resource([{"id": 1, "more": 2}], name="rows", columns=Row)

    assert list(resource) == [{"id": 1, "name": "none"}]
    resource.apply_hints(schema_contract={"columns": "evolve"})
    assert list(resource) == [{"id": 1, "name": "none", "more": 2}]
    assert resource.schema_contract == {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}


def test_rows_that_are_set_aside_are_no_items() -> None:
    @dlt.transformer
    def seen(rows: Any) -> Any:
        yield from ({"seen": row["id"]} for row in rows)

    resource = dlt.resource(
        [[{"id": 1}, {"id": "x"}]], name="r", columns=Row, schema_contract={"data_type": "discard_row"}
    )

    assert list(resource) == [{"id": 1, "name": "none"}]
    assert resource.filtered == 0
    resource = dlt.resource(
        [[{"id": 1}, {"id": "x"}]], name="r", columns=Row, schema_contract={"data_type": "discard_row"}
    )
    assert list(resource | seen) == [{"seen": 1}]
