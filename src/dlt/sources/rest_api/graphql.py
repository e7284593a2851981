"""GraphQL: pages of a connection by `pageInfo { hasNextPage endCursor }`, the cursor goes into a variable of the query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlt.errors import RestClientError
from dlt.sources.http.body import json_of, put, values_at
from dlt.sources.http.paginators import BaseReferencePaginator

if TYPE_CHECKING:
    from requests import Request, Response


class GraphQLCursorPaginator(BaseReferencePaginator):
    """Asks for the next page of a connection as long as its `pageInfo` says that there is one.

    page_info_path: where it is in the response, needed when a query has several; cursor_variable: the variable of the
    query that is given to `after:`, null for the first page.
    """

    def __init__(self, page_info_path: str = "$..pageInfo", cursor_variable: str = "after") -> None:
        super().__init__()
        self.page_info_path = page_info_path
        self.cursor_variable = cursor_variable

    def init_request(self, request: Request) -> None:
        """Begin with the first page."""
        super().init_request(request)
        self.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Read `pageInfo`. RestClientError when there are errors, no or several of it, or no cursor for the next page."""
        del data
        document = json_of(response)
        if isinstance(document, dict) and document.get("errors"):
            raise RestClientError(f"The GraphQL server answers with errors: {str(document['errors'])[:500]}")
        found = [one for one in values_at(self.page_info_path, document) if isinstance(one, dict)]
        if len(found) != 1 or "hasNextPage" not in found[0]:
            raise RestClientError(
                f"A GraphQL response has {len(found) or 'no'} pageInfo at {self.page_info_path!r}, and one with hasNextPage is needed.",
                hint="give page_info_path, as data.repository.issues.pageInfo"
                if len(found) > 1
                else "ask for pageInfo { hasNextPage endCursor } in the query",
            )
        more, cursor = found[0]["hasNextPage"], found[0].get("endCursor")
        if more and (not cursor or cursor == self._next_reference):
            raise RestClientError(
                f"The GraphQL server says that there is a next page, and its cursor is {cursor!r}"
                + (" again." if cursor else "."),
                hint=f"ask for endCursor, and use the variable in the query: (first: 100, after: ${self.cursor_variable})",
            )
        self._next_reference = cursor if more else None

    def update_request(self, request: Request) -> None:
        """Put the cursor into the variables of the query."""
        if request.json is None:
            raise RestClientError("A GraphQL request has a query in its body.", hint='give json: {"query": "..."}')
        put(request.json, f"variables.{self.cursor_variable}", self._next_reference)
