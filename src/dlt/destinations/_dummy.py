"""A destination that keeps nothing and fails as often as it is told: for tests of what happens around a load."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from dlt.config.settings import setting
from dlt.destinations.registry import overridden
from dlt.errors import ConfigError, DestinationRefused, NotBuilt, RetryableError
from dlt.load.session import Destination, Load
from dlt.load.steps import Add, Applied, Copy, Create, Merge, Replace, Step
from dlt.schema.capabilities import Capabilities

if TYPE_CHECKING:
    import pyarrow as pa

    from dlt.schema.model import Table

CAPS = Capabilities(
    file_formats=("jsonl", "arrow", "typed-jsonl", "parquet", "csv", "insert_values"),
    max_table_name=127,
    max_column_name=127,
    case_sensitive=True,
    merge_strategies=("delete-insert", "upsert"),
    keeps_state=False,
    has_dataset=False,
)
NOT_BUILT = (
    "create_followup_jobs",
    "fail_followup_job_creation",
    "fail_table_chain_followup_job_creation",
    "create_followup_table_chain_sql_jobs",
    "create_followup_table_chain_reference_jobs",
    "truncate_tables_on_staging_destination_before_load",
)
POLL = 0.1  # seconds between two looks at a table that is not done


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What goes wrong, and how often. Probabilities are those of one look at one table; 0 is never and 1 is always.

    exception_prob: a passing error; completed_prob: the table is done; fail_prob: it fails for good; retry_prob: it may be
    tried again. They are drawn in this order. When none occurs in `timeout` seconds the table fails for good.
    fail_table_names: the only tables that fail by fail_prob, all others are done.
    """

    fail_prob: float = 0.0
    retry_prob: float = 0.0
    completed_prob: float = 0.0
    exception_prob: float = 0.0
    timeout: float = 10.0
    fail_schema_update: bool = False
    fail_schema_update_transiently: bool = False
    fail_terminally_in_init: bool = False
    fail_transiently_in_init: bool = False
    fail_table_names: tuple[str, ...] | None = None


class dummy:  # noqa: N801 - the public name
    """A destination that keeps nothing. Options are those of `Behaviour`, `loader_file_format`, `seed` (the same seed
    gives the same failures), and any capability by its name."""

    destination_type = "dlt.destinations.dummy"

    def __init__(
        self,
        credentials: Any = None,
        destination_name: str | None = None,
        environment: str | None = None,
        *,
        loader_file_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if credentials is not None:
            raise NotBuilt("The dummy destination connects to nothing.", option="credentials")
        for name in NOT_BUILT:
            if kwargs.pop(name, None):
                raise NotBuilt("A load has no follow-up jobs and no staging.", option=name)
        self.destination_name, self.environment = destination_name or "dummy", environment
        self.behaviour = self._behaviour(kwargs)
        self.caps = overridden(CAPS, {k: v for k, v in kwargs.items() if k not in BEHAVIOUR}, "dummy")
        file_format = loader_file_format or self._setting("loader_file_format")
        if file_format is not None:
            if file_format not in CAPS.file_formats:
                _wrong("loader_file_format", file_format, "one of " + ", ".join(CAPS.file_formats))
            self.caps = replace(self.caps, file_formats=(file_format, *self.caps.file_formats))
        self.random = random.Random(seed)  # noqa: S311 - no secret

    def _setting(self, key: str) -> str | None:
        return setting(f"destination.{self.destination_name}.{key}", f"destination.dummy.{key}", default=None)

    def _behaviour(self, given: Mapping[str, Any]) -> Behaviour:
        found: dict[str, Any] = {}
        for one in fields(Behaviour):
            value = given.get(one.name)
            if value is None:
                value = self._setting(one.name)
            if value is None:
                continue
            try:
                found[one.name] = _as(one.name, value)
            except (ValueError, KeyError):
                _wrong(one.name, value, "a number from 0 to 1" if one.name.endswith("_prob") else "the right type")
        return Behaviour(**found)

    def bind(self, *_: Any, credentials: Any = None, **__: Any) -> Destination:
        """The destination for one pipeline."""
        if credentials is not None:
            raise NotBuilt("The dummy destination connects to nothing.", option="credentials")

        def open_session(_dataset: str, _load: Load | None) -> DummySession:
            return DummySession(self.behaviour, self.random)

        return Destination(self.destination_name, self.destination_type, self.caps, open_session, "/dev/null", "dummy")


class DummySession:
    """A Session that fails as its behaviour says, and takes everything else."""

    def __init__(self, behaviour: Behaviour, source: random.Random) -> None:
        self.behaviour, self.random = behaviour, source
        self.copied: dict[str, int] = {}

    def reflect(self, tables: Iterable[str]) -> dict[str, Table]:  # noqa: ARG002 - the protocol's
        """No table is ever there."""
        return {}

    def apply(self, step: Step) -> Applied:
        """Carry out one step."""
        match step:
            case Create() | Add():
                if self.behaviour.fail_schema_update:
                    raise DestinationRefused("The schema was not taken, as asked.", option="fail_schema_update")
                if self.behaviour.fail_schema_update_transiently:
                    raise RetryableError("The schema was not taken, as asked.", option="fail_schema_update_transiently")
            case Copy(table, files):
                self._wait(table.name)
                rows = sum(file.rows for file in files)
                self.copied[table.name] = rows
                return Applied(rows={table.name: rows}, locations={file.path: "/dev/null" for file in files})
            case Merge(tables) | Replace(tables):
                return Applied(rows={table.name: self.copied.get(table.name, 0) for table in tables})
        return Applied()

    def _wait(self, table: str) -> None:
        """Draw until something happens to a table."""
        asked = self.behaviour
        if asked.fail_terminally_in_init:
            raise DestinationRefused(
                "The table failed at its start, as asked.", table=table, option="fail_terminally_in_init"
            )
        if asked.fail_transiently_in_init:
            raise RetryableError(
                "The table failed at its start, as asked.", table=table, option="fail_transiently_in_init"
            )
        end = time.monotonic() + asked.timeout
        while True:
            if self._happens(asked.exception_prob):
                raise RetryableError("An exception occurred, as asked.", table=table, option="exception_prob")
            if self._happens(asked.completed_prob):
                return
            if asked.fail_table_names is not None and table not in asked.fail_table_names:
                return
            if self._happens(asked.fail_prob):
                raise DestinationRefused("The table failed, as asked.", table=table, option="fail_prob")
            if self._happens(asked.retry_prob):
                raise RetryableError("The table is to be tried again, as asked.", table=table, option="retry_prob")
            left = end - time.monotonic()
            if left <= 0:
                raise DestinationRefused(
                    "The table was not done in time.",
                    table=table,
                    timeout=asked.timeout,
                    hint="give completed_prob=1.0 for a destination that takes everything",
                )
            time.sleep(min(POLL, left))

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self.random.random() < probability

    def read(self, table: str, where: Mapping[str, Any] | None = None, last: str | None = None) -> pa.RecordBatchReader:  # noqa: ARG002 - the protocol's
        """No table has rows."""
        import pyarrow as pa

        return pa.table({}).to_reader()

    def close(self) -> None:
        """There is nothing to end."""


BEHAVIOUR = {one.name for one in fields(Behaviour)}
WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _as(name: str, value: Any) -> Any:
    if name == "fail_table_names":
        return tuple(value.split(",")) if isinstance(value, str) else tuple(value)
    if name == "timeout" or name.endswith("_prob"):
        number = float(value)
        if number < 0 or (number > 1 and name != "timeout"):
            raise ValueError(name)
        return number
    return WORDS[value.strip().lower()] if isinstance(value, str) else bool(value)


def _wrong(name: str, value: Any, wanted: str) -> None:
    raise ConfigError(
        f"Wrong option {name} of the dummy destination.",
        key=f"destination.dummy.{name}",
        value=value,
        hint=f"give {wanted}",
    )
