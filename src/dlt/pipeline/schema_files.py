"""Schema files that a user reads, edits and keeps in version control: `import_schema_path` and `export_schema_path`."""

from __future__ import annotations

from dataclasses import dataclass

from dlt.config.settings import setting
from dlt.schema.evolve import instructions
from dlt.schema.schema import Schema
from dlt.schema.stored import EDITABLE, check_format, export_schema, import_schema


@dataclass(frozen=True)
class SchemaFiles:
    """The folders of a pipeline's schema files; None: there are none."""

    imports: str | None = None
    exports: str | None = None

    def check(self) -> None:
        """Raise now, not after the data was read, when the format is unknown or its package is missing."""
        _format()

    def export(self, schema: Schema) -> None:
        """Write a schema; a file that says the same is left alone."""
        if self.exports:
            kind, slim = _format()
            export_schema(schema, self.exports, kind, remove_defaults=slim)

    def current(self, name: str, known: Schema | None) -> Schema | None:
        """The schema of this name: what the file says when there is none yet, and each time that the file has changed;
        otherwise what is known."""
        imported = self._imported(name)
        if imported is None:
            return known
        current = known.clone() if known else imported
        if current.imported_version_hash != imported.imported_version_hash:
            current.replace_schema_content(imported, link_to_replaced_schema=True)
        current.instructed = instructions(imported)
        return current

    def lacks(self, name: str) -> bool:
        """Whether the user wants a file to edit, and has none of this name yet."""
        return bool(self.imports) and self._imported(name) is None

    def start(self, declared: Schema, schema: Schema) -> None:
        """Make the file that the user may edit, of what the code says; `schema` remembers what was written."""
        assert self.imports is not None
        kind, slim = _format()
        kind = kind if kind in EDITABLE else EDITABLE[0]
        export_schema(declared.clone(remove_processing_hints=True), self.imports, kind, remove_defaults=slim)
        stored = import_schema(declared.name, self.imports)
        assert stored is not None
        schema.imported_version_hash = stored["version_hash"]

    def _imported(self, name: str) -> Schema | None:
        stored = import_schema(name, self.imports) if self.imports else None
        if stored is None:
            return None
        schema = Schema.from_dict(stored)
        schema.imported_version_hash = stored["version_hash"]
        return schema


def _format() -> tuple[str, bool]:
    """The format of schema files, and whether what is understood is left out."""
    kind = check_format(setting("schema.external_schema_format", default="yaml"))
    return kind, setting("schema.external_schema_format_remove_defaults", default=True)
