"""The routes of the widget: its script, its style, and its cards as HTML."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers

from service.answers.request import DEFAULT_K, MAX_K
from service.answers.request import Request as Asked
from service.gateway import Gateway
from service.http.caching import HttpCaching, matches
from service.http.schema import PROBLEM
from service.http.static_files import StaticFiles
from service.widget.fragment import MARKUP, fragment

SCRIPT, STYLE = "widget.js", "widget.css"
HEADING = "Read next"
_HTML = "text/html; charset=utf-8"
#: Any page may load them, also one that is isolated or checks their hash. For an hour no browser asks again.
_ANYWHERE = {
    "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
#: Opened by itself, a fragment is text: titles are escaped, and nothing in it may run.
_INERT = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The cards", "content": {"text/html": {}}},
    304: {"description": "Not modified: `If-None-Match` holds the fragment's `ETag`"},
    401: {**PROBLEM, "description": "The gateway requires an API key, and none that is valid was sent"},
    422: {**PROBLEM, "description": "A field is missing or invalid; `errors` names each"},
    429: {**PROBLEM, "description": "Too many requests; `Retry-After` says when to retry"},
}


class FragmentQuery(BaseModel):
    """What GET /fragment takes."""

    model_config = ConfigDict(extra="forbid")

    url1: Annotated[str, Field(description="the page that the reader is on: http or https")]
    k: Annotated[int, Field(ge=1, le=MAX_K, description="the most pages to recommend")] = DEFAULT_K
    heading: Annotated[str, Field(max_length=100, description="above the cards, and their label")] = HEADING
    unit: Annotated[str, Field(max_length=100, description="as of GET /recommend")] = ""


def widget_router(gateway: Gateway) -> APIRouter:
    """Return the widget's routes. Its files need no key; the cards need what an answer needs."""
    router = APIRouter(tags=["widget"])
    static = StaticFiles(_files())

    @router.get(f"/{SCRIPT}", include_in_schema=False)
    async def script(request: Request) -> Response:
        """Return the custom element."""
        return static.response(request, SCRIPT, _ANYWHERE)

    @router.get(f"/{STYLE}", include_in_schema=False)
    async def style(request: Request) -> Response:
        """Return its style, for cards that a server put into the page."""
        return static.response(request, STYLE, _ANYWHERE)

    caching = HttpCaching(gateway.settings, keys=gateway.authorizer.needs_key)

    @router.get("/fragment", response_class=Response, responses=_RESPONSES)
    async def cards(request: Request, query: Annotated[FragmentQuery, Query()]) -> Response:
        """The same pages as GET /recommend, as HTML for the inside of `<onward-next>`."""
        answer = await gateway.recommender.recommend(Asked(query.url1, query.k, unit=query.unit))
        tagged = replace(answer, tag=f"{answer.tag}-{MARKUP}")
        headers = Headers(raw=caching.headers(tagged, query.unit))
        if matches(request.headers.get("if-none-match"), tagged):
            return Response(status_code=304, headers=headers)
        return Response(fragment(answer, query.heading), headers={**headers, **_INERT}, media_type=_HTML)

    return router


def _files() -> dict[str, bytes]:
    """Return the style for the page's own elements, and the script with the same style for its shadow root."""
    directory = files("service.widget") / "static"
    script, style = ((directory / name).read_text("utf-8") for name in (SCRIPT, STYLE))
    shadowed = " ".join(style.replace("onward-next", ":host").split())
    return {SCRIPT: script.replace('"{css}"', orjson.dumps(shadowed).decode()).encode(), STYLE: style.encode()}
