"""Files in folders: a bucket holds data sets, a data set holds tables, a table holds the files of its loads."""

from __future__ import annotations

import logging
import os
import re
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from dlt.config.settings import local_dir, setting
from dlt.destinations._layout import DEFAULT_LAYOUT, Layout, Moment, as_moment
from dlt.destinations.registry import overridden
from dlt.errors import ConfigError, NotBuilt
from dlt.load.fit import wanted_replace_strategy
from dlt.load.session import Destination, Load
from dlt.schema.capabilities import Capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger("dlt")

CAPS = Capabilities(
    file_formats=("jsonl", "parquet", "csv", "insert_values"),
    max_table_name=200,  # a name of a file has at most 255 bytes
    max_column_name=65536,
    case_sensitive=True,
    replace_strategies=("truncate-and-insert", "insert-from-staging"),
)
NAME_SIGNS = re.compile(r"[A-Za-z0-9_-]")  # may stand in names of tables
REMOTE = ("kwargs", "client_kwargs", "config_kwargs", "credentials")  # options of buckets that are not folders
OPEN_TABLES = ("deltalake_storage_options", "deltalake_configuration", "deltalake_streamed_exec", "iceberg_catalog")


class filesystem:  # noqa: N801 - the public name
    """A folder for files: `<bucket_url>/<dataset>/<table>/...`.

    bucket_url: a path, relative to the current folder, or `file:///path`. layout: where the files of a table go, see
    the documentation for placeholders; extra_placeholders: others, values or functions of (schema_name, table_name,
    load_id, file_id, ext). current_datetime: the time that names are made of, or a function that returns it; default is
    when the load package was made. replace_strategy: all are the same here, old files stay until the new ones are in place.
    max_state_files: pipeline states that are kept, of each pipeline.
    always_refresh_views: there are no views, files are listed for each reading. Any capability can be given by its name.
    """

    destination_type = "dlt.destinations.filesystem"

    def __init__(
        self,
        bucket_url: Any = None,
        credentials: Any = None,
        layout: str | None = None,
        extra_placeholders: Mapping[str, Any] | None = None,
        current_datetime: Any = None,
        destination_name: str | None = None,
        environment: str | None = None,
        always_refresh_views: bool | None = None,
        warn_unsafe_layout_separators: bool | None = None,
        max_state_files: int | None = None,
        replace_strategy: str | None = None,
        **kwargs: Any,
    ) -> None:
        del always_refresh_views
        for name in (*REMOTE, *OPEN_TABLES):
            if kwargs.pop(name, None) is not None or (name == "credentials" and credentials is not None):
                raise NotBuilt("The filesystem destination works with local folders.", option=name)
        self.bucket_url, self.layout, self.extra_placeholders = bucket_url, layout, extra_placeholders
        self.current_datetime, self.environment = current_datetime, environment
        self.destination_name = destination_name or "filesystem"
        self.warns, self.max_state_files = warn_unsafe_layout_separators, max_state_files
        self.replace_strategy = replace_strategy
        self.caps = overridden(CAPS, kwargs, "filesystem")

    def bind(
        self,
        pipeline_name: str | None = None,  # noqa: ARG002 - all destinations are given it
        *,
        credentials: Any = None,
        working_dir: str | None = None,  # noqa: ARG002 - see above
    ) -> Destination:
        """The destination for one pipeline."""
        if credentials is not None:
            raise NotBuilt("The filesystem destination works with local folders.", option="credentials")
        place = folder_of(self.bucket_url or self._setting("bucket_url"), self.destination_name)
        layout = Layout.of(self.layout or self._setting("layout") or DEFAULT_LAYOUT, self.extra_placeholders)
        warns = self._setting("warn_unsafe_layout_separators", default=True) if self.warns is None else self.warns
        if warns and NAME_SIGNS.match(layout.separator):
            logger.warning(
                "filesystem: in the layout %s the separator %s after {table_name} may also stand in names of tables."
                " dlt tells them apart; other programs that list files may not.",
                layout.text,
                layout.separator,
            )
        keep = self.max_state_files or self._setting("max_state_files", default=0) or None

        from dlt.destinations._filesystem_session import FilesystemSession

        def open_session(dataset: str, load: Load | None) -> FilesystemSession:
            moment = self._moment(load) if load else None
            return FilesystemSession(place / dataset, layout, self.caps, load, moment, keep)

        location = place.as_uri()
        name = self.destination_name
        strategy = wanted_replace_strategy(name, self.replace_strategy, self.caps)
        config = {"replace_strategy": strategy, "environment": self.environment}
        return Destination(name, self.destination_type, self.caps, open_session, location, location, config)

    def _setting(self, key: str, default: Any = None) -> Any:
        return setting(f"destination.{self.destination_name}.{key}", f"destination.filesystem.{key}", default=default)

    def _moment(self, load: Load) -> Moment:
        created = as_moment(load.created_at, "created_at").astimezone(UTC)
        given_time = self.current_datetime() if callable(self.current_datetime) else self.current_datetime
        return Moment(created if given_time is None else as_moment(given_time), created)

    def __repr__(self) -> str:
        return f"<filesystem destination {self.destination_name}>"


def folder_of(url: Any, name: str = "filesystem") -> Path:
    """The absolute path of a bucket URL. Raises ConfigError when there is none, NotBuilt when it is no local folder."""
    if not url:
        raise ConfigError(
            "The filesystem destination needs a bucket_url.",
            key=f"destination.{name}.bucket_url",
            variable=f"DESTINATION__{name.upper()}__BUCKET_URL",
            hint='dlt.destinations.filesystem("data"), with the path of a folder',
        )
    text = os.fspath(url)
    parts = urlparse(text)
    if len(parts.scheme) < 2:  # none, or the letter of a drive
        return _absolute(text)
    if parts.scheme != "file":
        raise NotBuilt(
            f"Buckets at {parts.scheme}:// are not part of this version.",
            bucket_url=f"{parts.scheme}://{parts.hostname or ''}",
            hint="give the path of a local folder, or one where the bucket is mounted",
        )
    if parts.netloc not in ("", "localhost"):
        raise ConfigError(
            f"{text!r} names a computer, not a folder.",
            key=f"destination.{name}.bucket_url",
            hint="write file:///absolute/path, or the path alone",
        )
    path = unquote(parts.path)
    return _absolute(path[1:] if re.match(r"/[A-Za-z]:", path) else path)


def _absolute(path: str) -> Path:
    return Path(os.path.normpath((local_dir() / path).absolute()))
