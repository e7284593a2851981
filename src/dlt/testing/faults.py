"""Destinations that break on purpose: killed at a step, or told that they can do more than they say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from dlt.load.session import Destination, Load, Session
    from dlt.load.steps import Applied, Step
    from dlt.schema.model import Table


class Killed(BaseException):
    """The process ends here: no error that anybody handles."""


class Fault:
    """Raises an error once, at one step of a load: before it is carried out, or right after.

    `happened` says whether the load got that far, `step` which step it was.
    """

    def __init__(self, number: int, error: BaseException, *, after: bool = False) -> None:
        self.number, self.error, self.after = number, error, after
        self.seen, self.happened, self.step = 0, False, ""

    def apply(self, session: Session, step: Step) -> Applied:
        """Carry out a step, unless it is the one to fail at."""
        self.seen += 1
        if self.happened or self.seen != self.number:
            return session.apply(step)
        self.happened, self.step = True, type(step).__name__
        if self.after:
            session.apply(step)
        raise self.error


class _Session:
    def __init__(self, session: Session, fault: Fault) -> None:
        self.session, self.fault = session, fault

    def reflect(self, tables: Iterable[str]) -> dict[str, Table]:
        return self.session.reflect(tables)

    def apply(self, step: Step) -> Applied:
        return self.fault.apply(self.session, step)

    def read(self, table: str, where: Mapping[str, Any] | None = None, last: str | None = None) -> pa.RecordBatchReader:
        return self.session.read(table, where, last)

    def close(self) -> None:
        self.session.close()


def faulty(destination: Destination, fault: Fault) -> Destination:
    """The destination with a fault in the sessions that write."""

    def open_session(dataset: str, load: Load | None) -> Session:
        session = destination.open(dataset, load)
        return session if load is None else _Session(session, fault)

    return replace(destination, open=open_session)


def widened(destination: Destination, **caps: Any) -> Destination:
    """The destination with other capabilities than it declares."""
    return replace(destination, caps=replace(destination.caps, **caps))
