"""The seam between the library and a destination: `Destination` opens a `Session`, a Session carries out steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from dlt.load.steps import Applied, Step
    from dlt.schema.capabilities import Capabilities
    from dlt.schema.model import Table


class Session(Protocol):
    """One open destination and one dataset in it.

    With `caps.transactions` all steps from the first to Commit are one transaction, undone by `close` without Commit.
    Without, each step is safe to repeat.
    """

    def reflect(self, tables: Iterable[str]) -> dict[str, Table]:
        """The tables that are there, of these names, with column names, types and nullability."""
        ...

    def apply(self, step: Step) -> Applied:
        """Carry out one step. RetryableError: the load may be tried again; any other error ends it."""
        ...

    def read(self, table: str, where: Mapping[str, Any] | None = None, last: str | None = None) -> pa.RecordBatchReader:
        """The rows of a table in which columns equal the values of `where`; with `last` only the one row
        that is highest in this column. A table that is not there has no rows and no columns."""
        ...

    def close(self) -> None:
        """End the session; what was not committed is undone."""
        ...


@dataclass(frozen=True, slots=True)
class Load:
    """What a session may know of the load it serves."""

    load_id: str
    schema_name: str
    pipeline_name: str
    folder: str  # where the files of the package are
    created_at: str  # ISO 8601
    progress: dict[str, Any] = field(default_factory=dict)  # kept with the package between retries


@dataclass(frozen=True)
class Destination:
    """A destination: what it is called, what it can do, how to open it.

    `open(dataset_name, load)` returns a Session; load is None when nothing is to be written. `version()` is another text
    after each change of the data, whoever made it, and is cheap; None when that cannot be told.
    """

    name: str
    type: str
    caps: Capabilities
    open: Callable[[str, Load | None], Session]
    location: str = ""  # shown to people; never holds a secret
    fingerprint: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    version: Callable[[], str | None] = lambda: None
