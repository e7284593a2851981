"""`dlt.pipeline.helpers`: which failures are worth another try, and dropping resources of a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dlt.errors import FatalError, ResourceError, StepFailed
from dlt.pipeline.dropping import Chosen, drop_resources, to_drop

if TYPE_CHECKING:
    from dlt.pipeline.infos import LoadInfo
    from dlt.pipeline.pipeline import Pipeline


def retry_load(retry_on_pipeline_steps: Sequence[str] = ("load",)) -> Callable[[BaseException], bool]:
    """A function for `retry=` of tenacity that says whether to run again: the failure was in one of these steps, and
    nothing that fails each time."""

    def again(error: BaseException) -> bool:
        if isinstance(error, StepFailed):
            return error.step in retry_on_pipeline_steps and again(error.exception)
        if isinstance(error, ResourceError) and error.__cause__ is not None:  # what code of the user raised
            return again(error.__cause__)
        return not isinstance(error, FatalError)

    return again


class pipeline_drop:  # noqa: N801 - the public name
    """Dropping resources: made with what is meant, shown by `info`, done when it is called.

    resources: names, or `re:` and a pattern. state_paths: keys in the state of the source, with dots. A failure leaves all
    as it was.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        resources: str | Sequence[str] = (),
        schema_name: str | None = None,
        state_paths: str | Sequence[str] = (),
        drop_all: bool = False,
        state_only: bool = False,
    ) -> None:
        self.pipeline = pipeline
        self._chosen: Chosen = to_drop(
            pipeline,
            [resources] if isinstance(resources, str) else resources,
            schema_name=schema_name,
            drop_all=drop_all,
            state_paths=[state_paths] if isinstance(state_paths, str) else state_paths,
            state_only=state_only,
        )

    @property
    def info(self) -> dict[str, Any]:
        """What is going to be dropped."""
        chosen = self._chosen
        return {
            "tables": list(chosen.tables),
            "resource_states": list(chosen.with_state),
            "state_paths": list(chosen.state_paths),
            "resource_names": list(chosen.resources),
            "schema_name": chosen.schema_name,
            "drop_all": set(chosen.resources) == set(chosen.known),
            "warnings": [],
        }

    @property
    def is_empty(self) -> bool:
        """True when there is nothing of that."""
        return self._chosen.is_empty

    def __call__(self) -> LoadInfo | None:
        """Drop it. Returns what was loaded for that."""
        return None if self.is_empty else drop_resources(self.pipeline, self._chosen)
