"""The resources of a source, by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

from dlt.errors import NotBuilt, ResourceError
from dlt.extract.resource import DltResource

if TYPE_CHECKING:
    from dlt.extract.pipe import Pipe


class ResourceDict(dict[str, DltResource]):
    """Resources by name. One that belongs to another source is copied when it is put here."""

    def __init__(self, source_name: str, source_section: str | None = None) -> None:
        super().__init__()
        self.source_name = source_name
        self.source_section = source_section
        self._copies: dict[Pipe, Pipe] = {}  # pipes of other sources -> ours, so that forks stay forks

    def add(self, *resources: DltResource) -> None:
        """Add resources under their names. ResourceError when one of that name, but another one, is there."""
        for resource in resources:
            self[resource.name] = resource

    def __setitem__(self, name: str, resource: DltResource) -> None:
        if not isinstance(resource, DltResource):
            raise ResourceError(
                f"{name!r} must be a resource, not {type(resource).__name__}.",
                source=self.source_name,
                hint="make one with dlt.resource",
            )
        if name != resource.name:
            raise ResourceError(
                f"The resource {resource.name!r} cannot be stored as {name!r}.",
                source=self.source_name,
                hint=f"rename it: resource.with_name({name!r})",
            )
        known = self.get(name)
        if known is resource:
            return
        if resource.source_name is not None:
            resource = resource._clone(self._copies)  # noqa: SLF001
        if known is not None and known._pipe is not resource._pipe:  # noqa: SLF001
            raise ResourceError(
                f"The source {self.source_name!r} has two resources named {name!r}.",
                source=self.source_name,
                resource=name,
                hint="give one of them another name: resource.with_name(...)",
            )
        resource.source_name = self.source_name
        super().__setitem__(name, resource)

    def __missing__(self, name: str) -> NoReturn:
        raise self.unknown(name)

    def __delitem__(self, name: str) -> NoReturn:
        raise ResourceError(
            "Resources cannot be removed from a source.",
            source=self.source_name,
            resource=name,
            hint="take a copy with the others: source.with_resources(...)",
        )

    def unknown(self, name: str) -> _UnknownResourceError:
        near = difflib.get_close_matches(str(name), list(self), n=1)
        return _UnknownResourceError(
            f"The source {self.source_name!r} has no resource {name!r}.",
            source=self.source_name,
            resources=", ".join(self) or "none",
            hint=f"did you mean {near[0]!r}?" if near else None,
        )

    @property
    def selected(self) -> dict[str, DltResource]:
        """The resources whose items are loaded."""
        return {name: resource for name, resource in self.items() if resource.selected}

    @property
    def selected_pipes(self) -> list[Pipe]:
        """The pipes of the selected resources."""
        return [resource._pipe for resource in self.selected.values()]  # noqa: SLF001

    @property
    def pipes(self) -> list[Pipe]:
        """The pipes of all resources."""
        return [resource._pipe for resource in self.values()]  # noqa: SLF001

    @property
    def extracted_pipes(self) -> list[Pipe]:
        """The pipes that run when the selected resources are loaded."""
        return [resource._pipe for resource in self.extracted]  # noqa: SLF001

    @property
    def extracted(self) -> list[DltResource]:
        """What runs when the selected resources are loaded: these and what feeds them."""
        found: dict[Pipe, DltResource] = {}
        for resource in self.selected.values():
            pipe: Pipe | None = resource._pipe  # noqa: SLF001
            while pipe is not None:
                found[pipe] = self.with_pipe(pipe)
                pipe = pipe.parent
        return list(found.values())

    @property
    def selected_dag(self) -> list[tuple[str, str]]:
        """Pairs of the names of a resource and what it feeds; a selected resource without parent is paired with itself."""
        pairs: dict[tuple[str, str], None] = {}
        for resource in self.selected.values():
            pipe = resource._pipe  # noqa: SLF001
            line = [pipe]
            while line[0].parent is not None:
                line.insert(0, line[0].parent)
            if len(line) == 1:
                pairs[pipe.name, pipe.name] = None
            pairs.update(dict.fromkeys((up.name, down.name) for up, down in pairwise(line)))
        return list(pairs)

    def with_pipe(self, pipe: Pipe) -> DltResource:
        """The resource of a pipe; one that is in no source is made for it."""
        for resource in self.values():
            if resource._pipe is pipe:  # noqa: SLF001
                return resource
        return DltResource(pipe, selected=False, section=self.source_section)

    def select(self, *names: str) -> dict[str, DltResource]:
        """Select these resources only; without names: none. ResourceError when one is not known."""
        for name in names:
            if name not in self:
                raise self.unknown(name)
        for name, resource in self.items():
            resource.selected = name in names
        return self.selected

    def detach(self, resource_name: str | None = None) -> DltResource:
        """A copy of a resource that belongs to no source; of the only one without a name."""
        if resource_name is None:
            if len(self) != 1:
                raise ResourceError(f"Which of {len(self)} resources?", resources=", ".join(self), hint="give its name")
            resource_name = next(iter(self))
        return self[resource_name]._clone()  # noqa: SLF001

    def update(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Not available: use `add`."""
        raise NotBuilt("Resources are added with source.resources.add(...).")

    def pop(self, *_args: object) -> NoReturn:
        """Not available: resources stay in their source."""
        raise ResourceError("Resources cannot be removed from a source.", source=self.source_name)

    def __repr__(self) -> str:
        return repr(list(self))


class _UnknownResourceError(ResourceError, KeyError):
    """The source has no such resource."""

    __str__ = ResourceError.__str__


def share_memo(resources: Iterable[DltResource]) -> list[DltResource]:
    """Copies of resources; those that feed several of them stay one."""
    memo: dict[Pipe, Pipe] = {}
    return [resource._clone(memo) for resource in resources]  # noqa: SLF001
