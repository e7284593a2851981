"""Sections that hold for a block of code: `inject_section(ConfigSectionContext(sections=("sources", "github")))`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from dlt.config.lookup import for_pipeline


@dataclass
class ConfigSectionContext:
    """The name of a pipeline, whose values go first, and the sections that values are looked for in."""

    pipeline_name: str | None = None
    sections: tuple[str, ...] = ()
    merge_style: Callable[[ConfigSectionContext, ConfigSectionContext], None] | None = None
    source_state_key: str | None = None

    def merge(self, existing: ConfigSectionContext) -> None:
        """Take what is not said here from the context around it."""
        (self.merge_style or ConfigSectionContext.prefer_incoming)(self, existing)

    @property
    def source_name(self) -> str | None:
        """The name of the source or resource, of sections as `sources.<section>.<name>`."""
        return self.sections[-1] if len(self.sections) == 3 and self.sections[0] == "sources" else None

    @property
    def source_section(self) -> str | None:
        """Its section."""
        return self.sections[1] if len(self.sections) > 1 and self.sections[0] == "sources" else None

    @staticmethod
    def prefer_incoming(incoming: ConfigSectionContext, existing: ConfigSectionContext) -> None:
        """The inner sections, and when there are none the outer ones."""
        incoming.pipeline_name = incoming.pipeline_name or existing.pipeline_name
        incoming.sections = incoming.sections or existing.sections
        incoming.source_state_key = incoming.source_state_key or existing.source_state_key

    @staticmethod
    def prefer_existing(incoming: ConfigSectionContext, existing: ConfigSectionContext) -> None:
        """The outer sections, and when there are none the inner ones."""
        incoming.pipeline_name = existing.pipeline_name or incoming.pipeline_name
        incoming.sections = existing.sections or incoming.sections
        incoming.source_state_key = existing.source_state_key or incoming.source_state_key

    @staticmethod
    def resource_merge_style(incoming: ConfigSectionContext, existing: ConfigSectionContext) -> None:
        """The outer section of a source with the inner name of a resource."""
        names = incoming.sections[2:]
        ConfigSectionContext.prefer_incoming(incoming, existing)
        if len(existing.sections) == 3 and existing.sections[0] == "sources" and names:
            incoming.sections = (*existing.sections[:2], *names)


Merge = Callable[[ConfigSectionContext, ConfigSectionContext], None]
CURRENT: ContextVar[ConfigSectionContext | None] = ContextVar("dlt_config_sections", default=None)


@contextmanager
def inject_section(
    section_context: ConfigSectionContext, merge_existing: bool = True, lock_context: bool = False
) -> Iterator[ConfigSectionContext]:
    """Within the block, functions made with `with_config` look in these sections, and all look-ups begin with the name of
    the pipeline. merge_existing: take what is not said from the block around it. lock_context: has no effect, blocks of
    other threads do not see this one."""
    del lock_context
    around = CURRENT.get()
    if merge_existing and around is not None:
        section_context.merge(around)
    token = CURRENT.set(section_context)
    try:
        if section_context.pipeline_name is None:
            yield section_context
        else:
            with for_pipeline(section_context.pipeline_name):
                yield section_context
    finally:
        CURRENT.reset(token)


def merged(sections: tuple[str, ...], merge: Merge) -> tuple[str | None, tuple[str, ...]]:
    """The pipeline and the sections of a call within the current block."""
    around = CURRENT.get()
    if around is None:
        return None, sections
    own = ConfigSectionContext(sections=sections)
    merge(own, around)
    return own.pipeline_name, own.sections
