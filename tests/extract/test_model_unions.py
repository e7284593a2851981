"""BEHAVIOUR 2.8: `data_type: evolve` with unions that tell their models apart by a field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, RootModel

import dlt
from dlt.errors import ContractViolation


class Opened(BaseModel):
    kind: Literal["opened"]
    number: int


class Closed(BaseModel):
    kind: Literal["closed"]
    number: int
    why: str = "done"


Event = Annotated[Opened | Closed, Field(discriminator="kind")]


class AnyEvent(RootModel[Event]):
    pass


class Holder(BaseModel):
    first: Event
    second: Opened | Closed = Field(discriminator="kind")
    others: list[Event] = []
    word: Literal["x"] = "x"


RELAXED: list[tuple[type[BaseModel], dict[str, Any], dict[str, Any]]] = [
    (AnyEvent, {"kind": "opened", "number": "x"}, {}),
    (AnyEvent, {"kind": "closed", "number": None}, {"why": "done"}),
    (Holder, {"first": {"kind": "opened", "number": "x"}, "second": 5, "others": ["x"], "word": "y"}, {}),
]


@pytest.mark.parametrize(("model", "row", "added"), RELAXED)
def test_types_may_be_anything(model: type[BaseModel], row: dict[str, Any], added: dict[str, Any]) -> None:
    resource = dlt.resource([row], name="rows", columns=model, schema_contract={"data_type": "evolve"})

    assert list(resource) == [row | added]


def test_a_row_of_no_model_is_refused() -> None:
    with pytest.raises(ContractViolation, match="Input tag 'moved'"):
        list(dlt.resource([{"kind": "moved", "number": 1}], name="rows", columns=AnyEvent))
