"""What a configuration asks for: one `Planned` for each resource, defaults merged, and all that does not fit together told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import Any

from dlt.errors import DltError
from dlt.extract.hints import column_dicts, make_hints
from dlt.extract.incremental import USUAL, Incremental
from dlt.extract.resource import DltResource
from dlt.sources.rest_api.config import ResourceBase, RESTAPIConfig
from dlt.sources.rest_api.registry import create_paginator
from dlt.sources.rest_api.templates import ROOTS, Placeholder, parts_of, placeholders_in, problem_of
from dlt.sources.rest_api.validate import Problem, Problems, hints_of, nearest, problems_of, shown

Dict = dict[str, Any]
TEMPLATED = ("path", "params", "json", "data", "headers")
OWN = ("selected", "parallelized", "incremental", "max_table_nesting")  # hints that `make_hints` does not take


@dataclass(frozen=True, slots=True)
class Cursor:
    """How an endpoint is asked for what is new. at: its place in the configuration."""

    at: str
    incremental: Incremental[Any]
    convert: Any = None
    per_parent: str | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A resource as the configuration describes it, with the defaults. at: its place there."""

    at: str
    name: str
    endpoint: Dict
    hints: Dict
    path_params: tuple[str, ...] = ()  # parameters that the path takes up
    parent: str | None = None
    include_from_parent: tuple[str, ...] = ()
    processing_steps: Sequence[Mapping[str, Any]] = ()
    cursor: Cursor | None = None


Plan = dict[str, "Planned | DltResource"]  # by name, in the order of the configuration


def planned(config: Any) -> tuple[Plan, Problems]:
    """The resources of a configuration, and what is wrong with it: what its types say, and then what fits together."""
    problems = problems_of(config, RESTAPIConfig)
    broken = [one.path for one in problems]
    if any(one in ("", "resources") or one.startswith("resource_defaults") for one in broken):
        return {}, problems  # the resources cannot be understood
    plan: Plan = {}
    for number, given in enumerate(config["resources"]):
        at = f"resources[{number}]"
        if any(one == at or one.startswith((f"{at}.", f"{at}[")) for one in broken):
            continue
        made = given if isinstance(given, DltResource) else _planned(given, config, at, problems)
        if made.name in plan:
            problems.append(Problem(at, f"there is another resource {made.name!r}, give this one another name"))
        plan[made.name] = made
    names = [*plan, *_names_of(config["resources"])]
    for one in plan.values():
        if isinstance(one, Planned):
            problems += _problems_with_parent(one, names)
    try:
        tuple(TopologicalSorter({one.name: {one.parent} for one in _endpoints(plan) if one.parent}).static_order())
    except CycleError as error:
        problems.append(Problem("resources", "these feed each other: " + " -> ".join(error.args[1])))
    return plan, problems


def _endpoints(plan: Plan) -> Iterator[Planned]:
    return (one for one in plan.values() if isinstance(one, Planned))


def _names_of(resources: Sequence[Any]) -> list[str]:
    """The names of resources, those that are described wrongly too."""
    found = [one if isinstance(one, str) else one.get("name") for one in resources if isinstance(one, (str, Mapping))]
    return [one for one in found if isinstance(one, str)]


# ---- defaults


def merged(defaults: Mapping[str, Any], given: Any) -> Dict:
    """A resource with the defaults for what it does not say: parameters, bodies and columns key by key."""
    own = {"name": given, "endpoint": given} if isinstance(given, str) else dict(given)
    usual, endpoint = _endpoint(defaults), _endpoint(own)
    if "data" in endpoint:
        usual.pop("json", None)
    for key in ("params", "json"):
        if isinstance(usual.get(key), Mapping) and isinstance(endpoint.get(key), Mapping):
            endpoint[key] = {**usual[key], **endpoint[key]}
    columns = own.get("columns"), defaults.get("columns")
    out = {**defaults, **own, "endpoint": {**usual, **endpoint}}
    if all(isinstance(one, (Mapping, list, tuple)) and one for one in columns):
        before, after = column_dicts(columns[1]), column_dicts(columns[0])
        out["columns"] = {name: {**before.get(name, {}), **after.get(name, {})} for name in [*before, *after]}
    if out["endpoint"].get("path") is None:
        out["endpoint"]["path"] = out["name"]
    return out


def _endpoint(resource: Mapping[str, Any]) -> Dict:
    found = resource.get("endpoint") or {}
    return {"path": found} if isinstance(found, str) else dict(found)


# ---- one resource


def _planned(given: Any, config: Mapping[str, Any], at: str, problems: Problems) -> Planned:
    from dlt.sources.http.detect import single_entity_path

    resource = merged(config.get("resource_defaults") or {}, given)
    endpoint, name = resource["endpoint"], resource["name"]
    where = f"{at}.endpoint"
    endpoint["params"] = dict(endpoint.get("params") or {})
    cursors = list(_cursors(resource, at, problems))
    if len(cursors) > 1:
        places = ", ".join(one.at for one in cursors)
        problems.append(Problem(where, f"there are several incrementals, keep one of {places}"))
    path = endpoint["path"]
    bound = tuple(str(one) for one in parts_of(path) if isinstance(one, Placeholder) and one.root not in ROOTS)
    _bind_params(endpoint["params"], bound, where, path, problems)
    parents = _parents(endpoint, bound, where, bool(cursors), problems)
    if len(parents) > 1:
        problems.append(Problem(where, f"a resource has one parent, and this names {', '.join(sorted(parents))}"))
    if single_entity_path(path):
        endpoint["data_selector"] = endpoint.get("data_selector") or "$"
        endpoint["paginator"] = endpoint.get("paginator") or "single_page"
    hints = {key: resource[key] for key in hints_of(ResourceBase) if resource.get(key) is not None}
    problems += _problems_alone(at, endpoint, hints)
    return Planned(
        at,
        name,
        endpoint,
        hints,
        bound,
        next(iter(sorted(parents)), None),
        tuple(resource.get("include_from_parent") or ()),
        list(resource.get("processing_steps") or ()),
        cursors[0] if cursors else None,
    )


def _problems_alone(at: str, endpoint: Dict, hints: Dict) -> Problems:
    """What is wrong with a resource whatever the others are."""
    found = []
    if endpoint.get("json") is not None and endpoint.get("data") is not None:
        found.append(Problem(f"{at}.endpoint", "json and data are two bodies, keep one"))
    for number, one in enumerate(endpoint.get("response_actions") or ()):
        if isinstance(one, Mapping) and one.get("status_code") is None and one.get("content") is None:
            place = f"{at}.endpoint.response_actions[{number}]"
            found.append(Problem(place, "every response would have this action, add status_code, content or both"))
    try:
        create_paginator(endpoint.get("paginator"))
    except DltError as wrong:
        found.append(Problem(f"{at}.endpoint.paginator", _said(wrong)))
    try:
        make_hints(**{key: value for key, value in hints.items() if key not in OWN})
    except (DltError, TypeError, ValueError, KeyError) as wrong:
        found.append(Problem(at, _said(wrong)))
    return found


def _said(wrong: Exception) -> str:
    return f"{wrong.message} {wrong.hint or ''}".strip() if isinstance(wrong, DltError) else str(wrong)


def _bind_params(params: Dict, bound: Sequence[str], where: str, path: str, problems: Problems) -> None:
    """Old ways of saying it become placeholders; each parameter that the path names must be there."""
    for key, value in params.items():
        if isinstance(value, Mapping) and value.get("type") == "resolve":
            params[key] = f"{{resources.{value['resource']}.{value['field']}}}"
            if key not in bound:
                say = f"the path {path!r} does not have {{{key}}}, write {params[key]!r} for a parameter of the query"
                problems.append(Problem(f"{where}.params.{key}", say))
        elif isinstance(value, Mapping):
            say = f"a parameter is a value, not {shown(value, '')}; type may be 'resolve' or 'incremental'"
            problems.append(Problem(f"{where}.params.{key}", say))
    for one in dict.fromkeys(bound):
        if one not in params:
            near = get_close_matches(one, [*params, *ROOTS], 1, 0.6)
            say = f"{{{one}}} is no placeholder and params has no {one!r}"
            problems.append(Problem(f"{where}.path", say + (f", did you mean {near[0]!r}?" if near else "")))


def _parents(endpoint: Dict, bound: Sequence[str], where: str, cursor: bool, problems: Problems) -> set[str]:
    """The resources that placeholders name."""
    parents = set()
    for key in TEMPLATED:
        for one, place in placeholders_in(endpoint.get(key), f"{where}.{key}"):
            if key == "path" and str(one) in bound:
                continue
            if wrong := problem_of(one, incremental=cursor):
                problems.append(Problem(place, wrong))
            elif one.root == "resources":
                parents.add(one.name)
    return parents


def _problems_with_parent(one: Planned, names: Sequence[str]) -> Problems:
    found = []
    if one.parent is not None and one.parent not in names:
        found.append(
            Problem(f"{one.at}.endpoint", f"there is no resource {one.parent!r}, {nearest(one.parent, names)}")
        )
    if one.parent is None:
        if one.include_from_parent:
            say = f"no placeholder names a parent, write for example {{resources.{names[0]}.id}} into the path"
            found.append(Problem(f"{one.at}.include_from_parent", say))
        if one.cursor is not None and one.cursor.per_parent:
            found.append(Problem(f"{one.cursor.at}.per_parent", "no placeholder names a parent"))
    return found


# ---- incremental loading


def _cursors(resource: Dict, at: str, problems: Problems) -> Iterator[Cursor]:
    """The incrementals of a resource wherever they are given; parameters for their values become placeholders."""
    endpoint = resource["endpoint"]
    params = endpoint["params"]
    for key, value in tuple(params.items()):
        if isinstance(value, Incremental) or (isinstance(value, Mapping) and value.get("type") == "incremental"):
            params[key] = "{incremental.start_value}"
            yield from _cursor(value, f"{at}.endpoint.params.{key}", problems)
    if (given := endpoint.get("incremental")) is not None:
        for option, name in (("start_param", "start_value"), ("end_param", "end_value")):
            if param := given.get(option):
                params[param] = f"{{incremental.{name}}}"
        yield from _cursor(given, f"{at}.endpoint.incremental", problems)
    if (given := resource.pop("incremental", None)) is not None:
        yield from _cursor(given, f"{at}.incremental", problems)


def _cursor(given: Any, at: str, problems: Problems) -> Iterator[Cursor]:
    if isinstance(given, Incremental):
        yield Cursor(at, given)
        return
    try:
        made = Incremental[Any](**{key: value for key, value in given.items() if key in USUAL})
    except DltError as wrong:
        problems.append(Problem(at, _said(wrong)))
        made = Incremental(given["cursor_path"])
    yield Cursor(at, made, given.get("convert") or given.get("transform"), given.get("per_parent"))
