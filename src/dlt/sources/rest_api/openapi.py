"""A configuration of an OpenAPI description: its lists, how they are paged, what their rows are told apart by, who feeds whom."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dlt.errors import SchemaError, missing
from dlt.sources.rest_api.paging import field_like, guessed_paging

if TYPE_CHECKING:
    from dlt.sources.rest_api.config import RESTAPIConfig

Dict = dict[str, Any]
LIST_KEYS = (
    "data",
    "items",
    "results",
    "records",
    "rows",
    "entries",
    "entities",
    "values",
    "content",
    "objects",
    "list",
)
PAGE_KEYS = 8  # an object with more of them is no page but a thing with a list
KEYS = ("id", "_id", "uuid", "guid", "uid")
PARAM = re.compile(r"\{([^{}]+)\}")
logger = logging.getLogger("dlt")


@dataclass(frozen=True, slots=True)
class Listed:
    """A path that gives a list: where the list is in the response, and what is known of its rows."""

    path: str
    selector: str
    row: Mapping[str, Any]  # properties
    response: Mapping[str, Any]  # schema
    headers: frozenset[str]
    params: Mapping[str, Mapping[str, Any]]  # of the query, by name
    segments: tuple[str, ...]  # of the path, without parameters

    @property
    def path_params(self) -> list[str]:
        return PARAM.findall(self.path)


def from_openapi(
    description: Mapping[str, Any] | str | Path,
    *,
    base_url: str | None = None,
    params: Mapping[str, Any] | None = None,
    include: Iterable[str] | None = None,
) -> RESTAPIConfig:
    """A configuration for `rest_api_source` of an OpenAPI 3 or Swagger 2 description: a dict, or a JSON or YAML file.

    Each path whose GET gives a list becomes a resource; rows of a list feed the lists below it, `/users` those of
    `/users/{id}/posts`. base_url: instead of the server in the description. params: values for parameters that the
    description requires, by name; a path whose parameters nobody has is left out, with a warning. include: names of the
    resources that are wanted, those that feed them come along.

    The configuration is a plain dict: print it, and change what the description does not tell. Raises SchemaError.
    """
    document = _document(description)
    given = dict(params or {})
    listed = list(_lists(document))
    names = _names(listed)
    made: dict[str, Made] = {}
    for one in listed:  # shorter paths first
        found, lacks = _resource(one, names[one.path], made, given)
        if lacks:
            logger.warning("OpenAPI: %s is left out, nothing gives %s; pass params={...}.", one.path, ", ".join(lacks))
        else:
            made[one.path] = found
    resources = [one.resource for one in made.values()]
    wanted = None if include is None else set(include)
    if unknown := sorted((wanted or set()) - {one["name"] for one in resources}):
        raise SchemaError(
            f"The OpenAPI description gives no list {unknown[0]!r}.",
            hint="it gives " + (", ".join(one["name"] for one in resources) or "none"),
        )
    client: Dict = {"base_url": base_url or _server(document)}
    if (auth := _auth(document)) is not None:
        client["auth"] = auth
    chosen = resources if wanted is None else _chosen(resources, wanted)
    return cast("RESTAPIConfig", {"client": client, "resources": chosen})


def _chosen(resources: Sequence[Dict], wanted: set[str]) -> list[Dict]:
    """The wanted resources; those that only feed them are read but not loaded."""
    feeds = {one["name"]: _parent_of(one) for one in resources}
    needed = set(wanted)
    for name in wanted:
        while (parent := feeds[name]) is not None:
            needed.add(parent)
            name = parent  # noqa: PLW2901 - up to the first one
    return [one if one["name"] in wanted else {**one, "selected": False} for one in resources if one["name"] in needed]


def _parent_of(resource: Dict) -> str | None:
    found = re.search(r"\{resources\.([^.]+)\.", resource["endpoint"]["path"])
    return found[1] if found else None


# ---- the description


def _document(description: Any) -> Dict:
    if isinstance(description, Mapping):
        found = dict(description)
    else:
        path = Path(description)
        text = path.read_text(encoding="utf-8")
        if path.suffix in (".yaml", ".yml"):
            try:
                import yaml
            except ImportError as absent:
                raise missing(f"The OpenAPI file {path.name}", "yaml", "pyyaml") from absent
            found = yaml.safe_load(text)
        else:
            import json

            found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("paths"), Mapping):
        raise SchemaError("This is no OpenAPI description: it has no paths.")
    return found


def _server(document: Dict) -> str:
    if "host" in document:
        scheme = "https" if "https" in document.get("schemes", ["https"]) else document["schemes"][0]
        return f"{scheme}://{document['host']}{document.get('basePath', '')}"
    server: Dict = next(iter(document.get("servers") or ()), {})
    variables = server.get("variables", {})
    url = PARAM.sub(lambda found: str(variables.get(found[1], {}).get("default", "")), server.get("url", ""))
    if not url.startswith("http"):
        raise SchemaError(
            f"The server of the OpenAPI description is {url!r}, which is no whole URL.", hint="give base_url="
        )
    return url


def _auth(document: Dict) -> Dict | None:
    """The first way in that needs nothing but secrets; these are looked up when the source is made."""
    schemes = document.get("components", {}).get("securitySchemes") or document.get("securityDefinitions") or {}
    demands = document.get("security")
    order = [name for demand in demands or () for name in demand] if demands else list(schemes)
    for name in order:
        scheme = _resolved(document, schemes.get(name) or {})
        kind, how = scheme.get("type"), str(scheme.get("scheme", "")).lower()
        flows = scheme.get("flows", {})
        if (kind, how) == ("http", "bearer"):
            return {"type": "bearer"}
        if (kind, how) == ("http", "basic") or kind == "basic":
            return {"type": "http_basic"}
        if kind == "apiKey" and scheme.get("in") in ("header", "query"):
            return {"type": "api_key", "name": scheme["name"], "location": scheme["in"]}
        token_url = flows.get("clientCredentials", {}).get("tokenUrl")
        token_url = scheme.get("tokenUrl") if scheme.get("flow") == "application" else token_url
        if kind == "oauth2" and token_url:
            return {"type": "oauth2_client_credentials", "access_token_url": token_url}
    if order:
        logger.warning("OpenAPI: none of the security schemes %s is known; give client.auth.", ", ".join(order))
    return None


def _resolved(document: Dict, node: Any, depth: int = 0) -> Dict:
    """A node without `$ref` at its top, `allOf` taken together."""
    while isinstance(node, Mapping) and "$ref" in node:
        reference, depth = node["$ref"], depth + 1
        if not reference.startswith("#/") or depth > 50:
            raise SchemaError(f"The reference {reference!r} of the OpenAPI description leads to no place in it.")
        node = document
        for part in reference[2:].split("/"):
            node = node.get(part.replace("~1", "/").replace("~0", "~"), {})
    found = dict(node) if isinstance(node, Mapping) else {}
    for part in found.pop("allOf", ()) if depth < 50 else ():
        other = _resolved(document, part, depth + 1)
        found = {**other, **found, "properties": {**other.get("properties", {}), **found.get("properties", {})}}
    return found


def _lists(document: Dict) -> Iterator[Listed]:
    """The paths whose GET gives a list; those above others come first."""
    resolve = partial(_resolved, document)
    for path in sorted(document["paths"], key=lambda path: (path.count("/"), path)):
        item = resolve(document["paths"][path])
        operation = item.get("get")
        if not operation:
            continue
        responses = operation.get("responses", {})
        word = next(
            (str(one) for one in (200, "200", "2XX", "2xx", "default") if str(one) in map(str, responses)), None
        )
        response = resolve({str(key): value for key, value in responses.items()}.get(word or ""))
        content = response.get("content", {})
        media = next((one for kind, one in content.items() if "json" in kind), {"schema": response.get("schema")})
        schema = _expanded(media.get("schema"), resolve, 5)
        where = _list_in(schema)
        if where is None or (path.endswith("}") and where[0] != "$" and where[0].rpartition(".")[2] not in LIST_KEYS):
            continue  # one thing, which may have lists
        every = [resolve(one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]
        yield Listed(
            path.rstrip("/") or "/",
            where[0],
            where[1].get("items", {}).get("properties", {}),
            schema,
            frozenset(name.lower() for name in response.get("headers", {})),
            {one["name"]: one for one in every if one.get("in") == "query"},
            tuple(part for part in path.strip("/").split("/") if not PARAM.search(part)),
        )


def _expanded(schema: Any, resolve: Callable[[Any], Dict], depth: int) -> Dict:
    """A schema whose properties and items are there instead of references, some levels deep."""
    found = resolve(schema)
    if depth and "properties" in found:
        found["properties"] = {
            name: _expanded(one, resolve, depth - 1) for name, one in (found["properties"] or {}).items()
        }
    if depth and isinstance(found.get("items"), Mapping):
        found["items"] = _expanded(found["items"], resolve, depth - 1)
    return found


def _list_in(schema: Dict, depth: int = 0) -> tuple[str, Dict] | None:
    """The path and the schema of the list of rows in a response."""
    if schema.get("type") == "array" or "items" in schema:
        return "$", schema
    properties: dict[str, Dict] = schema.get("properties", {})
    lists = [name for name, one in properties.items() if one.get("type") == "array"]
    known = [name for name in LIST_KEYS if name in lists]
    rows = [name for name in lists if properties[name].get("items", {}).get("properties")]
    for name in (
        *known,
        *(rows if len(rows) == 1 and len(properties) <= PAGE_KEYS else ()),
        *(lists if len(properties) == 1 else ()),
    ):
        return name, properties[name]
    for name in sorted(properties, key=lambda one: one not in LIST_KEYS) if depth < 2 else ():
        if name in LIST_KEYS or name.startswith("_") or len(properties) == 1:
            inner = _list_in(properties[name], depth + 1)
            if inner is not None and inner[0] != "$":
                return f"{name}.{inner[0]}", inner[1]
    return None


# ---- resources


def _names(listed: Sequence[Listed]) -> dict[str, str]:
    """A name for each path: its last word, more of it where that is not enough."""
    names: dict[str, str] = {}
    for one in listed:
        words = [re.sub(r"\W+", "_", word).strip("_") or "root" for word in one.segments] or ["root"]
        tries = ["_".join(words[-count:]) for count in range(1, len(words) + 1)]
        tries += [f"{tries[-1]}_{number}" for number in range(2, len(listed) + 2)]
        names[one.path] = next(name for name in tries if name not in names.values())
    return names


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that was made: carries: parameters of the path that its rows have, by name, with their column."""

    of: Listed
    resource: Dict
    carries: Mapping[str, str]


def _resource(one: Listed, name: str, made: Mapping[str, Made], given: Mapping[str, Any]) -> tuple[Made, Sequence[str]]:
    """The resource of a list, and the parameters that it lacks."""
    endpoint: Dict = {"path": one.path.lstrip("/"), "data_selector": one.selector}
    paging, own = guessed_paging(one.params, one.response, one.headers)
    if paging is not None:
        endpoint["paginator"] = paging
    params, lacks = _params(one, own, given)
    parent = _parent(one, made)
    fields: dict[str, str] = {}  # of the parent, by parameter of the path
    for param in one.path_params:
        if param in given:
            params[param] = given[param]
        elif parent is not None and (found := _field_for(param, parent)):
            fields[param] = found
            endpoint["path"] = endpoint["path"].replace(
                f"{{{param}}}", f"{{resources.{parent.resource['name']}.{found}}}"
            )
        else:
            lacks.append(param)
    carries = {param: f"_{parent.resource['name']}_{field}" for param, field in fields.items()} if parent else {}
    resource: Dict = {"name": name}
    if fields:
        resource["include_from_parent"] = list(fields.values())
    if (key := _key_of(one)) is not None:
        resource |= {"primary_key": [*carries.values(), key] if carries else key, "write_disposition": "merge"}
    else:
        resource["write_disposition"] = "replace"
    if params:
        endpoint["params"] = params
    return Made(one, {**resource, "endpoint": endpoint}, carries), lacks


def _params(one: Listed, own: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[Dict, list[str]]:
    """Parameters of the query: those of the user, those that go with the paginator, and defaults of those that must be there."""
    params: Dict = {}
    lacks = []
    for name, param in one.params.items():
        schema = {**param, **param.get("schema", {})}
        if name in given:
            params[name] = given[name]
        elif name in own:
            params |= {name: own[name]} if own[name] is not None else {}
        elif param.get("required"):
            if "default" in schema:
                params[name] = schema["default"]
            else:
                lacks.append(name)
    return params, lacks


def _key_of(one: Listed) -> str | None:
    word = _singular(one.segments[-1]) if one.segments else ""
    return next((name for name in (*KEYS, f"{word}_id", f"{word}Id", f"{word}ID") if name in one.row), None)


def _singular(word: str) -> str:
    word = word.lower().replace("-", "_")
    return f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s")


def _parent(one: Listed, made: Mapping[str, Made]) -> Made | None:
    """The list whose rows the last parameter of a path is of."""
    return made.get(one.path[: max(one.path.rfind("{"), 0)].rstrip("/"))


def _field_for(param: str, parent: Made) -> str | None:
    """The field of the rows of the parent that is the value of a parameter of the path."""
    if param in parent.carries:
        return parent.carries[param]
    rows = parent.of
    word = _singular(rows.segments[-1]) if rows.segments else ""
    plain = re.sub(rf"^{re.escape(word)}[_-]?", "", param, flags=re.IGNORECASE) if word else param
    if (found := field_like(rows.row, (param, plain))) is not None:
        return found
    return _key_of(rows) if plain.lower() in ("", "id", "key", "uuid", *KEYS) else None
