"""The grammar of a REST API configuration as typed dicts: type checkers read it, and `validate.py` walks its annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Required, TypedDict, Union

from dlt.extract.incremental import Incremental, Missing, Range  # noqa: TC001 - the annotations are read at run time
from dlt.extract.resource import DltResource  # noqa: TC001 - see above

if TYPE_CHECKING:
    from requests import Session
    from requests.auth import AuthBase

    from dlt.sources.http.auth import AuthConfigBase
    from dlt.sources.http.paginators import BasePaginator

Location = Literal["header", "cookie", "query", "param"]


class Registry(dict[str, Any]):
    """Classes that users registered, by the word that stands for them in a configuration."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # it marks an annotation, which is hashed


PAGINATORS, AUTHS = Registry(), Registry()


# ---- paginators


class PaginatorTypeConfig(TypedDict, total=False):
    """A paginator without arguments. auto: the first response tells which one it is."""

    type: Literal["auto", "single_page"] | None


class PageNumberPaginatorConfig(TypedDict, total=False):
    """Pages by number."""

    type: Required[Literal["page_number"]]
    base_page: int | None
    page: int | None
    page_param: str | None
    total_path: str | None
    maximum_page: int | None
    stop_after_empty_page: bool | None
    has_more_path: str | None
    page_body_path: str | None


class OffsetPaginatorConfig(TypedDict, total=False):
    """Pages by offset and limit."""

    type: Required[Literal["offset"]]
    limit: Required[int]
    offset: int | None
    offset_param: str | None
    offset_body_path: str | None
    limit_param: str | None
    limit_body_path: str | None
    total_path: str | None
    maximum_offset: int | None
    stop_after_empty_page: bool | None
    has_more_path: str | None


class HeaderLinkPaginatorConfig(TypedDict, total=False):
    """The next URL is in the header Link."""

    type: Required[Literal["header_link"]]
    links_next_key: str | None


class HeaderCursorPaginatorConfig(TypedDict, total=False):
    """The next cursor is in a header."""

    type: Required[Literal["header_cursor"]]
    cursor_key: str | None
    cursor_param: str | None


class JSONLinkPaginatorConfig(TypedDict, total=False):
    """The next URL is in the body."""

    type: Required[Literal["json_link", "json_response"]]
    next_url_path: str | None


class JSONResponseCursorPaginatorConfig(TypedDict, total=False):
    """The next cursor is in the body."""

    type: Required[Literal["cursor"]]
    cursor_path: str | None
    cursor_param: str | None
    cursor_body_path: str | None
    stop_after_empty_page: bool | None
    has_more_path: str | None


class GraphQLCursorPaginatorConfig(TypedDict, total=False):
    """The next cursor is in `pageInfo` of a GraphQL connection, and goes into a variable of the query."""

    type: Required[Literal["graphql_cursor"]]
    page_info_path: str | None
    cursor_variable: str | None


PaginatorType = Literal[
    "auto",
    "cursor",
    "graphql_cursor",
    "header_cursor",
    "header_link",
    "json_link",
    "json_response",
    "offset",
    "page_number",
    "single_page",
]
PaginatorConfig = Annotated[
    Union[
        PaginatorType,
        PaginatorTypeConfig,
        PageNumberPaginatorConfig,
        OffsetPaginatorConfig,
        HeaderLinkPaginatorConfig,
        HeaderCursorPaginatorConfig,
        JSONLinkPaginatorConfig,
        JSONResponseCursorPaginatorConfig,
        GraphQLCursorPaginatorConfig,
        "BasePaginator",
    ],
    PAGINATORS,
]


# ---- authentication


class BearerTokenAuthConfig(TypedDict, total=False):
    """A token in the header Authorization. What is left out here and below is looked up in the secrets."""

    type: Literal["bearer"] | None
    token: str


class ApiKeyAuthConfig(TypedDict, total=False):
    """A key in a header or a parameter."""

    type: Required[Literal["api_key"]]
    name: str | None
    api_key: str
    location: Location | None


class HttpBasicAuthConfig(TypedDict, total=False):
    """A user name and a password."""

    type: Required[Literal["http_basic"]]
    username: str
    password: str


class OAuth2ClientCredentialsConfig(TypedDict, total=False):
    """A token that is fetched with the id and the secret of a client."""

    type: Required[Literal["oauth2_client_credentials"]]
    access_token: str | None
    access_token_url: str
    client_id: str
    client_secret: str
    access_token_request_data: dict[str, Any] | None
    default_token_expiration: int | None
    session: Session | None


AuthType = Literal["api_key", "bearer", "http_basic", "oauth2_client_credentials"]
AuthConfig = Annotated[
    Union[
        AuthType,
        BearerTokenAuthConfig,
        ApiKeyAuthConfig,
        HttpBasicAuthConfig,
        OAuth2ClientCredentialsConfig,
        "AuthConfigBase",
        "AuthBase",
    ],
    AUTHS,
]


# ---- incremental loading


class IncrementalRESTArgs(TypedDict, total=False):
    """The arguments of `dlt.sources.incremental`, and a function that makes a cursor value what the API wants."""

    cursor_path: Required[str]
    initial_value: Any
    last_value_func: Callable[..., Any] | Literal["min", "max"] | None
    primary_key: str | Sequence[str] | None
    end_value: Any
    row_order: Literal["asc", "desc"] | None
    allow_external_schedulers: bool | None
    on_cursor_value_missing: Missing | None
    lag: float | None
    range_start: Range | None
    range_end: Range | None
    convert: Callable[..., Any] | None
    transform: Callable[..., Any] | None  # the old name of convert


class IncrementalParamConfig(IncrementalRESTArgs, total=False):
    """A parameter that is the cursor value where a run starts."""

    type: Required[Literal["incremental"]]


class IncrementalConfig(IncrementalRESTArgs, total=False):
    """How an endpoint is asked for what is new. per_parent: the field of the parent for whose values there is a cursor each."""

    start_param: str | None
    end_param: str | None
    per_parent: str | None


# ---- endpoints and resources


class ResolveParamConfig(TypedDict, total=False):
    """A parameter of the path that is a field of the parent."""

    type: Required[Literal["resolve"]]
    resource: Required[str]
    field: Required[str]


class ResponseActionDict(TypedDict, total=False):
    """What happens to responses with a status and a text: they are ignored, or functions see them."""

    status_code: int | str | None
    content: str | None
    action: Required[Literal["ignore"] | Callable[..., Any] | list[Callable[..., Any]]]


ResponseAction = ResponseActionDict | Callable[..., Any]
Headers = Mapping[str, str | int | float | bytes | None]


class Endpoint(TypedDict, total=False):
    """What is requested, and how rows and pages are found in the responses."""

    path: str | None
    method: Literal["GET", "POST"] | None
    params: dict[str, ResolveParamConfig | IncrementalParamConfig | Any] | None
    json: Any
    data: Any
    headers: Headers | None
    auth: AuthConfig | None
    paginator: PaginatorConfig | None
    data_selector: str | None
    response_actions: list[ResponseAction] | None
    incremental: IncrementalConfig | None


class ProcessingSteps(TypedDict, total=False):
    """A function for each row."""

    filter: Callable[..., Any] | None
    map: Callable[..., Any] | None
    yield_map: Callable[..., Iterator[Any]] | None


class ResourceBase(TypedDict, total=False):
    """Hints for the table, as those of `dlt.resource`."""

    table_name: str | Callable[[Any], str] | None
    parent_table_name: str | Callable[[Any], str] | None
    max_table_nesting: int | None
    write_disposition: str | dict[str, Any] | Callable[[Any], Any] | None
    columns: Any
    primary_key: str | Sequence[str] | Callable[[Any], Any] | None
    merge_key: str | Sequence[str] | Callable[[Any], Any] | None
    incremental: Incremental[Any] | IncrementalRESTArgs | None
    schema_contract: str | dict[str, Any] | Callable[[Any], Any] | None
    table_format: str | Callable[[Any], str] | None
    file_format: str | Callable[[Any], str] | None
    references: Sequence[dict[str, Any]] | Callable[[Any], Any] | None
    nested_hints: dict[Any, Any] | Callable[[Any], Any] | None
    selected: bool | None
    parallelized: bool | None


class EndpointResourceBase(ResourceBase, total=False):
    """What resources may have in common."""

    endpoint: str | Endpoint | None
    include_from_parent: list[str] | None
    processing_steps: list[ProcessingSteps] | None


class EndpointResource(EndpointResourceBase, total=False):
    """An endpoint with the table it is loaded to."""

    name: Required[str]


class ClientConfig(TypedDict, total=False):
    """What all requests have in common."""

    base_url: Required[str]
    headers: Headers | None
    auth: AuthConfig | None
    paginator: PaginatorConfig | None
    session: Session | None


class RESTAPIConfig(TypedDict, total=False):
    """A client, what resources have in common, and the resources."""

    client: Required[ClientConfig]
    resource_defaults: EndpointResourceBase | None
    resources: Required[list[str | EndpointResource | DltResource]]
