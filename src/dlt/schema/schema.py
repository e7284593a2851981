"""Schema: the one mutable description of a dataset. Tables inside are frozen and replaced as a whole, under its lock."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from threading import RLock
from typing import Any, NoReturn

from dlt.errors import NotBuilt, SchemaError
from dlt.schema import stored as form
from dlt.schema.model import LOADS, STATE, VERSION, Table
from dlt.schema.naming import NamingConvention, NamingReference, get_naming, naming_reference
from dlt.schema.references import references
from dlt.schema.settings import (
    BUILT_DETECTIONS,
    DETECTIONS,
    Contract,
    Lookup,
    checked_contract,
    checked_name,
    complete,
    full_contract,
    new_settings,
    normalized_pattern,
    with_hints,
    with_types,
)
from dlt.schema.tables import (
    LOADS_TABLE,
    VERSION_TABLE,
    PublicTable,
    check_names_stay,
    has_data,
    inherited,
    merged,
    normalized,
)

PublicColumns = dict[str, dict[str, Any]]


class Schema:
    """Tables, their columns and hints, and the settings by which data makes new ones.

    `name` is an identifier of at most 64 characters; `normalizers` holds `names` (a naming convention) and `json`.
    """

    ENGINE_VERSION = form.ENGINE_VERSION

    version_table_name = VERSION
    loads_table_name = LOADS
    state_table_name = STATE

    def __init__(self, name: str, normalizers: Mapping[str, Any] | None = None) -> None:
        self.lock = RLock()
        self._hash: str | None = None
        self._naming: NamingConvention | None = None
        self._name = checked_name(name)
        self._description: str | None = None
        self._tables: dict[str, Table] = {VERSION: VERSION_TABLE, LOADS: LOADS_TABLE}
        self._cache: dict[str, form.TableTexts] = {}
        self._read: dict[str, tuple[Table, PublicTable]] = {}  # tables as they were read, defaults written out or not
        self._settings = new_settings()
        self._normalizers = complete(normalizers or {})
        self._stored_version: int | None = None
        self._stored_hash: str | None = None
        self._previous: list[str] = []
        self.imported_version_hash: str | None = None  # hash of the schema file this was imported from
        self.instructed: Mapping[str, Table] = {}  # what that file, or a schema given to the run, says; not stored
        self._max_length: int | None = None
        self._touch()

    # ---- what the rest of dlt works with

    def table(self, name: str) -> Table | None:
        """The table, or None."""
        return self._tables.get(name)

    def put(self, table: Table) -> None:
        """Add a table or put it in the place of the one of the same name; one that is the same in all stays. A root table
        always has a resource and a write disposition."""
        if table.parent is None and not (table.resource and table.write_disposition):
            disposition = table.write_disposition or "append"
            table = table.with_(resource=table.resource or table.name, write_disposition=disposition)
        with self.lock:
            known = self._tables.get(table.name)
            if known != table or tuple(known.columns) != tuple(table.columns):
                self._tables[table.name] = table
                self._hash = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tables."""
        return tuple(self._tables)

    @property
    def all_tables(self) -> tuple[Table, ...]:
        """All tables."""
        return tuple(self._tables.values())

    @property
    def detections(self) -> tuple[str, ...]:
        """The detectors that are on."""
        return tuple(self._settings.get("detections") or ())

    @property
    def preferred_types(self) -> dict[str, str]:
        """Types by column name or pattern."""
        return dict(self._settings.get("preferred_types") or {})

    def preferred_type(self, column_name: str) -> str | None:
        """The type that the settings give to columns of this name, or None."""
        return self._lookup.types.find(column_name).get("data_type")

    def default_hints_for(self, column_name: str) -> dict[str, Any]:
        """What the settings say of columns of this name, as properties of a Column; not to be changed."""
        return self._lookup.hints.find(column_name)

    @property
    def whole_keys(self) -> bool:
        """True when keys are normalised without regard of path separators, as before engine version 11."""
        return self._normalizers.get("use_break_path_on_normalize") is False

    @property
    def root_key(self) -> bool | None:
        """Whether nested tables carry the id of their root row; None: when the root table is merged."""
        return self._json_config.get("root_key_propagation")

    @root_key.setter
    def root_key(self, value: bool | None) -> None:
        self._configure_json("root_key_propagation", value)

    @property
    def max_nesting(self) -> int | None:
        """How deep rows are taken apart; None: as deep as they are."""
        return self._json_config.get("max_nesting")

    @max_nesting.setter
    def max_nesting(self, value: int | None) -> None:
        self._configure_json("max_nesting", value)

    def configure_naming(self, names: NamingReference | None = None, max_length: int | None = None) -> None:
        """Use another naming convention, or names of at most `max_length` characters.

        Raises SchemaError when a table that has data would get another name or other column names.
        """
        with self.lock:
            naming = get_naming(names or self._normalizers["names"], max_length or self._max_length)
            allowed = self._normalizers.get("allow_identifier_change_on_table_with_data")
            if names is not None and type(naming) is not type(self.naming) and not allowed:
                check_names_stay(self._data_tables(seen_data_only=True, include_incomplete=True), naming)
            self._max_length = max_length or self._max_length
            if names is not None:
                self._normalizers["names"] = naming_reference(names)
            self._touch()

    def mark_saved(self) -> None:
        """The schema as it is now was stored: changes are counted from here."""
        with self.lock:
            version, digest = self.version, self.version_hash
            self._previous = self.previous_hashes
            self._stored_version, self._stored_hash = version, digest

    # ---- name and version

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def naming(self) -> NamingConvention:
        """The naming convention."""
        if self._naming is None:
            self._naming = get_naming(self._normalizers["names"], self._max_length)
        return self._naming

    @property
    def settings(self) -> dict[str, Any]:
        """A copy of the settings."""
        return copy.deepcopy(self._settings)

    @property
    def version(self) -> int:
        """The stored version, one more when the content has changed since; 1 for a new schema."""
        if self._stored_version is None:
            return 1
        return self._stored_version + self.is_modified

    @property
    def version_hash(self) -> str:
        """The hash of the content."""
        with self.lock:
            if self._hash is None:
                texts = self._texts()
                tables = {name: text.ordered for name, text in texts.items()}
                names = {name: text.names for name, text in texts.items()}
                self._hash = form.content_hash(self._settled(), tables, names)
            return self._hash

    @property
    def stored_version(self) -> int | None:
        """The version when it was read or saved, None before that."""
        return self._stored_version

    @property
    def stored_version_hash(self) -> str | None:
        """The hash when it was read or saved, None before that."""
        return self._stored_hash

    @property
    def previous_hashes(self) -> list[str]:
        """Hashes of up to 10 earlier versions, the latest first."""
        if self._stored_hash is None or not self.is_modified:
            return list(self._previous)
        return list(dict.fromkeys([self._stored_hash, *self._previous]))[:10]

    @property
    def is_new(self) -> bool:
        """True until it is read or saved."""
        return self._stored_version is None

    @property
    def is_modified(self) -> bool:
        """True when the content is not the stored one."""
        return self.version_hash != self._stored_hash

    # ---- tables and columns in their public form

    @property
    def tables(self) -> dict[str, PublicTable]:
        """All tables as dicts; a copy."""
        return {name: self._public(table) for name, table in self._tables.items()}

    def get_table(self, table_name: str) -> PublicTable:
        """A table as a dict; SchemaError when there is none."""
        return self._public(self._known(table_name))

    def get_table_columns(self, table_name: str, include_incomplete: bool = False) -> PublicColumns:
        """The columns of a table that have a type, or all of them."""
        return {
            name: form.column_dict(column)
            for name, column in self._known(table_name).columns.items()
            if include_incomplete or column.data_type
        }

    def get_new_table_columns(
        self,
        table_name: str,
        existing_columns: Mapping[str, Any],
        case_sensitive: bool = True,
        include_incomplete: bool = False,
    ) -> list[dict[str, Any]]:
        """The columns of a table that are not among the existing ones."""
        existing = {name if case_sensitive else name.lower() for name in existing_columns}
        columns = self.get_table_columns(table_name, include_incomplete)
        return [columns[name] for name in columns if (name if case_sensitive else name.lower()) not in existing]

    def data_tables(self, seen_data_only: bool = False, include_incomplete: bool = False) -> list[PublicTable]:
        """The user's tables that have a complete column, or all of them."""
        return [self._public(table) for table in self._data_tables(seen_data_only, include_incomplete)]

    def data_table_names(self, seen_data_only: bool = False, include_incomplete: bool = False) -> list[str]:
        """Their names."""
        return [table.name for table in self._data_tables(seen_data_only, include_incomplete)]

    def dlt_tables(self) -> list[PublicTable]:
        """The tables that dlt keeps for itself."""
        return [self._public(table) for table in self._tables.values() if table.is_dlt]

    def dlt_table_names(self) -> list[str]:
        """Their names."""
        return [table.name for table in self._tables.values() if table.is_dlt]

    def is_new_table(self, table_name: str) -> bool:
        """True when there is no such table or it has no complete column."""
        table = self._tables.get(table_name)
        return table is None or not table.typed

    @property
    def references(self) -> list[dict[str, Any]]:
        """How tables refer to each other: declared, and by the keys of dlt."""
        return references(self)

    def update_table(
        self,
        partial_table: Mapping[str, Any] | Table,
        normalize_identifiers: bool = True,
        merge_compound_props: bool = True,
    ) -> PublicTable:
        """Add a table, or what is given of it. Columns are merged property by property; with `merge_compound_props=False`
        keys and other compound hints are taken off the columns that are not given. Returns what was given, with final names.
        """
        given = form.table_dict(partial_table) if isinstance(partial_table, Table) else dict(partial_table)
        if normalize_identifiers:
            given = normalized(given, self.naming)
        with self.lock:
            new = Table.from_dict(given)
            if new.parent is not None and new.parent not in self._tables:
                raise SchemaError("The parent table is not in the schema.", table=new.name, parent=new.parent)
            known = self._tables.get(new.name)
            self.put(new if known is None else merged(known, given, new, merge_compound_props))
        return given

    def drop_tables(self, table_names: Sequence[str]) -> list[PublicTable]:
        """Remove tables and return them. SchemaError when one is not known or has nested tables that would stay."""
        with self.lock:
            dropped = [self._public(self._known(name)) for name in table_names]
            going = set(table_names)
            orphans = [name for name, table in self._tables.items() if table.parent in going and name not in going]
            if orphans:
                raise SchemaError("Nested tables would be left without parent.", tables=", ".join(orphans))
            for name in going:
                del self._tables[name]
            self._hash = None
            return dropped

    # ---- settings

    def merge_hints(
        self, new_hints: Mapping[str, Sequence[str]], replace: bool = False, normalize_identifiers: bool = True
    ) -> None:
        """Add hints by column name for columns to come: `{"not_null": ["id", "re:_at$"]}`."""
        hints = {
            hint: [normalized_pattern(each, self._pattern(normalize_identifiers)) for each in patterns]
            for hint, patterns in new_hints.items()
        }
        self._set(with_hints(self._settings, hints, replace=replace))

    def update_preferred_types(
        self, new_preferred_types: Mapping[str, str], normalize_identifiers: bool = True
    ) -> None:
        """Add types by column name for columns to come: `{"re:_at$": "timestamp"}`."""
        normalize = self._pattern(normalize_identifiers)
        types = {normalized_pattern(pattern, normalize): kind for pattern, kind in new_preferred_types.items()}
        self._set(with_types(self._settings, types))

    def get_preferred_type(self, col_name: str) -> str | None:
        """The type that the settings give to columns of this name, or None."""
        return self.preferred_type(col_name)

    def add_type_detection(self, detection: str) -> None:
        """Turn a detector on."""
        if detection not in DETECTIONS:
            raise SchemaError(f"There is no detector {detection!r}.", hint="use one of " + ", ".join(DETECTIONS))
        if detection not in BUILT_DETECTIONS:
            raise NotBuilt(f"The detector {detection} is not built yet.", hint="use " + ", ".join(BUILT_DETECTIONS))
        self._set({**self._settings, "detections": list(dict.fromkeys([*self.detections, detection]))})

    def remove_type_detection(self, detection: str) -> None:
        """Turn a detector off."""
        self._set({**self._settings, "detections": [name for name in self.detections if name != detection]})

    def set_schema_contract(self, settings: str | Mapping[str, str] | None) -> None:
        """What may happen to tables, columns and types that are not in the schema; None: everything."""
        rest = {key: value for key, value in self._settings.items() if key != "schema_contract"}
        self._set({**rest, "schema_contract": checked_contract(settings)} if settings else rest)

    def resolve_contract_settings_for_table(
        self, table_name: str, new_table_schema: Mapping[str, Any] | None = None
    ) -> Contract:
        """The mode for tables, columns and data_type: of the table or one it is nested in, else of the settings."""
        contract = (new_table_schema or {}).get("schema_contract")
        near = (new_table_schema or {}).get("parent") if table_name not in self._tables else table_name
        if not contract and near is not None:
            contract = inherited(self, near, "schema_contract")
        return full_contract(contract or self._settings.get("schema_contract"))

    @staticmethod
    def expand_schema_contract_settings(
        settings: str | Mapping[str, str] | None, default: Mapping[str, str] | None = None
    ) -> Contract:
        """The mode for tables, columns and data_type."""
        return full_contract(settings, default)

    def update_normalizers(self) -> None:
        """Take the naming convention up again, after its class or module has changed."""
        self._touch()

    # ---- whole schemas

    def clone(
        self, with_name: str | None = None, remove_processing_hints: bool = False, update_normalizers: bool = False
    ) -> Schema:
        """A copy. One with another name is a new schema without versions."""
        with self.lock:
            other = Schema(self.name)
            shared = {key: value for key, value in vars(self).items() if key not in ("lock", "_lookup", "_naming")}
            vars(other).update(shared)  # tables are frozen and may be shared
            other._tables, other._cache = dict(self._tables), dict(self._cache)
            other._previous = list(self._previous)
            other._settings, other._normalizers = copy.deepcopy((self._settings, self._normalizers))
        if remove_processing_hints:
            stored = form.without_processing_hints(other._content())
            other._take(stored["tables"])
        if with_name is not None:
            other._name = with_name
            other._stored_version = other._stored_hash = other.imported_version_hash = None
            other._previous = []
        if update_normalizers:
            other.update_normalizers()
        other._touch()
        return other

    def update_schema(self, schema: Schema) -> None:
        """Add the tables and columns of another schema and take its settings over."""
        for name, table in schema._tables.items():
            if name not in self._tables or not table.is_dlt:
                self.update_table(schema._public(table), normalize_identifiers=False)
        self._set(schema.settings)

    def unify_schemas(self, schemas: Sequence[Schema], check_naming_convention: bool = False) -> Schema:
        """A new schema with the tables of several, which stay as they are."""
        kinds = {type(schema.naming) for schema in schemas} | {type(self.naming)}
        if check_naming_convention and len(kinds) > 1:
            conventions = ", ".join(sorted(kind.name() for kind in kinds))
            raise SchemaError("The schemas have different naming conventions.", conventions=conventions)
        unified = self.clone(with_name="_".join(["u", self.name, *(schema.name for schema in schemas)])[:64])
        for schema in schemas:
            unified.update_schema(schema)
        return unified

    def replace_schema_content(self, schema: Schema, link_to_replaced_schema: bool = False) -> None:
        """Become a copy of another schema. With a link it is the next version of this one: the version counts on, and
        the hash becomes a previous one."""
        with self.lock:
            own: tuple[int | None, str | None, list[str]]
            own = (self.version, self.version_hash, self.previous_hashes)
            if self.is_new:
                own = (None, None, [self.version_hash])
            self.__setstate__(schema.clone().__getstate__())
            if link_to_replaced_schema:
                self._stored_version, self._stored_hash, self._previous = own

    def to_dict(
        self, remove_defaults: bool = False, remove_processing_hints: bool = False, bump_version: bool = True
    ) -> form.Stored:
        """The stored form; `bump_version=False` keeps the version that was read or saved."""
        with self.lock:
            content = self._content()
            stored = bump_version or self._stored_version is None
            if remove_processing_hints:
                content = form.without_processing_hints(content)
            if remove_defaults:
                content = form.without_defaults(content)
            out = {
                "version": self.version if stored else self._stored_version,
                "version_hash": self.version_hash if stored else self._stored_hash,
                **content,
                "previous_hashes": self.previous_hashes if stored else list(self._previous),
            }
            if self.imported_version_hash:
                out["imported_version_hash"] = self.imported_version_hash
            return out

    def to_text(self) -> str:
        """The stored form as JSON without spaces."""
        with self.lock:
            head = {"version": self.version, "version_hash": self.version_hash, **self._settled()}
            head["previous_hashes"] = self.previous_hashes
            if self.imported_version_hash:
                head["imported_version_hash"] = self.imported_version_hash
            tables = ",".join(f"{form.compact(name)}:{text.stored}" for name, text in self._texts().items())
            return f'{form.compact(head)[:-1]},"tables":{{{tables}}}}}'

    def to_pretty_json(self, remove_defaults: bool = True, remove_processing_hints: bool = False) -> str:
        """Readable JSON."""
        return form.to_json(self.to_dict(remove_defaults, remove_processing_hints))

    def to_pretty_yaml(self, remove_defaults: bool = True, remove_processing_hints: bool = False) -> str:
        """YAML."""
        return form.to_yaml(self.to_dict(remove_defaults, remove_processing_hints))

    @classmethod
    def from_dict(
        cls,
        d: Mapping[str, Any],
        remove_processing_hints: bool = False,
        bump_version: bool = True,  # noqa: ARG003 - the version follows from the content
        validate_schema: bool = True,  # noqa: ARG003 - the content is always checked
    ) -> Schema:
        """A schema from its stored form, of this or an older engine version. SchemaError when it is not sound."""
        stored = form.upgraded(d)
        if remove_processing_hints:
            stored = form.without_processing_hints(stored)
        schema = cls(stored["name"], stored["normalizers"])
        schema._load(stored)
        return schema

    @classmethod
    def from_stored_schema(cls, stored_schema: Mapping[str, Any]) -> Schema:
        """A schema from its stored form."""
        return cls.from_dict(stored_schema)

    def to_mermaid(
        self,
        remove_processing_hints: bool = False,  # noqa: ARG002 - drawings never show them
        hide_columns: bool = False,
        hide_descriptions: bool = False,
        include_dlt_tables: bool = True,
    ) -> str:
        """A Mermaid entity relationship diagram."""
        from dlt.schema.draw import to_mermaid

        return to_mermaid(self, hide_columns, hide_descriptions, include_dlt_tables)

    def to_dbml(
        self,
        remove_processing_hints: bool = False,  # noqa: ARG002 - drawings never show them
        include_dlt_tables: bool = True,
        include_internal_dlt_ref: bool = True,
        include_parent_child_ref: bool = True,
        include_root_child_ref: bool = True,
        group_by_resource: bool = False,
    ) -> str:
        """The tables and references in DBML."""
        from dlt.schema.draw import Shown, to_dbml

        refs = (include_internal_dlt_ref, include_parent_child_ref, include_root_child_ref)
        return to_dbml(self, Shown(include_dlt_tables, *refs, group_by_resource))

    def to_dot(
        self,
        remove_processing_hints: bool = False,  # noqa: ARG002 - drawings never show them
        include_dlt_tables: bool = True,
        include_internal_dlt_ref: bool = True,
        include_parent_child_ref: bool = True,
        include_root_child_ref: bool = True,
        group_by_resource: bool = False,
    ) -> str:
        """The tables and references as a Graphviz digraph."""
        from dlt.schema.draw import Shown, to_dot

        refs = (include_internal_dlt_ref, include_parent_child_ref, include_root_child_ref)
        return to_dot(self, Shown(include_dlt_tables, *refs, group_by_resource))

    # ---- not built

    def normalize_data_item(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Rows are normalised in batches."""
        raise NotBuilt("Schema.normalize_data_item is not available: rows are normalised in batches.")

    def filter_row_with_hint(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Rows are worked on in batches."""
        raise NotBuilt("Schema.filter_row_with_hint is not available.")

    def apply_schema_contract(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Contracts are applied to batches."""
        raise NotBuilt("Schema.apply_schema_contract is not available: contracts are applied to batches.")

    # ---- inside

    def __repr__(self) -> str:
        return f"<dlt.Schema(name={self.name!r}, version={self.version}, tables={list(self._tables)}, version_hash={self.version_hash!r})>"

    def __getstate__(self) -> dict[str, Any]:
        with self.lock:
            left_out = ("lock", "_naming", "_lookup", "_cache", "_read", "instructed")
            state = {key: value for key, value in vars(self).items() if key not in left_out}
            return copy.deepcopy({**state, "_tables": self.tables})

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._take(state["_tables"])
        self.lock = vars(self).get("lock") or RLock()
        self.instructed = vars(self).get("instructed") or {}
        self._touch()

    def _touch(self) -> None:
        """Forget what was made from the tables, the settings and the naming convention."""
        self._hash = self._naming = None
        self._lookup = Lookup(self._settings)

    def _set(self, settings: dict[str, Any]) -> None:
        with self.lock:
            self._settings = settings
            self._touch()

    def _content(self) -> form.Stored:
        content = copy.deepcopy(self._settled())
        settings, normalizers = content.pop("settings"), content.pop("normalizers")
        return {**content, "tables": self.tables, "settings": settings, "normalizers": normalizers}

    def _settled(self) -> form.Stored:
        """The content without the tables, not to be changed."""
        content: form.Stored = {"engine_version": form.ENGINE_VERSION, "name": self._name}
        if self._description is not None:
            content["description"] = self._description
        return {**content, "settings": self._settings, "normalizers": self._normalizers}

    def _texts(self) -> dict[str, form.TableTexts]:
        """The tables as JSON; of those that did not change since the last time nothing is made anew."""
        cache = self._cache
        for name, table in self._tables.items():
            known = cache.get(name)
            if known is None or known.table is not table:
                cache[name] = form.TableTexts.of(table, self._stored_form(table))
        return {name: cache[name] for name in self._tables}

    def _load(self, stored: form.Stored) -> None:
        self._description = stored.get("description")
        self._settings = stored["settings"]
        self._take(stored["tables"])
        self._tables.setdefault(VERSION, VERSION_TABLE)
        self._tables.setdefault(LOADS, LOADS_TABLE)
        for table in self._tables.values():
            if table.parent is not None and table.parent not in self._tables:
                raise SchemaError("The parent table is not in the schema.", table=table.name, parent=table.parent)
        self._stored_version, self._stored_hash = stored.get("version"), stored.get("version_hash")
        self._previous = list(stored.get("previous_hashes") or ())
        self.imported_version_hash = stored.get("imported_version_hash")
        self._touch()

    def _take(self, tables: Mapping[str, PublicTable]) -> None:
        """Have these tables and no others; as long as one is not changed its stored form, and so the hash, stays."""
        self._tables = {name: Table.from_dict(table, name) for name, table in tables.items()}
        self._read = {name: (table, tables[name]) for name, table in self._tables.items()}
        self._cache = {}

    def _stored_form(self, table: Table) -> PublicTable:
        """The stored form of a table, not to be changed."""
        known, content = self._read.get(table.name, (None, {}))
        return content if known is table else form.table_dict(table)

    def _public(self, table: Table) -> PublicTable:
        """The stored form of a table; a copy."""
        return copy.deepcopy(self._stored_form(table))

    def _known(self, name: str) -> Table:
        table = self._tables.get(name)
        if table is None:
            raise SchemaError("There is no such table in the schema.", table=name, schema_name=self.name)
        return table

    def _data_tables(self, seen_data_only: bool, include_incomplete: bool) -> Iterable[Table]:
        for table in self._tables.values():
            if table.is_dlt or not (include_incomplete or table.typed):
                continue
            if not seen_data_only or has_data(table):
                yield table

    def _pattern(self, normalize: bool) -> Any:
        return self.naming.normalize_path if normalize else str

    @property
    def _json_config(self) -> Mapping[str, Any]:
        return self._normalizers["json"].get("config") or {}

    def _configure_json(self, key: str, value: Any) -> None:
        with self.lock:
            config = {**self._json_config, key: value}
            config = {name: setting for name, setting in config.items() if setting is not None}
            rest = {name: setting for name, setting in self._normalizers["json"].items() if name != "config"}
            self._normalizers["json"] = {**rest, "config": config} if config else rest
            self._hash = None
