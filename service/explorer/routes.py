"""The routes of the explorer: its page, its static files, and the data that only it needs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from importlib.resources import as_file, files
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from cascade.description import describe
from corpus.urls.url import InvalidURL
from service.answers.request import DEFAULT_K
from service.answers.resolve import ClientError, FieldError
from service.api.problems import Problem
from service.explorer.beside import Beside, BesideRequest
from service.explorer.bundle_view import bundle_view
from service.explorer.suggestions import Suggestions
from service.explorer.traffic import Traffic
from service.gateway import Gateway
from service.http import problems
from service.http.middleware import REQUEST_ID, STARTED
from service.http.static_files import StaticFiles, page_headers, read_files
from store.label_file import Label, LabelFileError
from store.page_row import PageText, read_text

_PAGE_HEADERS = page_headers(require_trusted_types_for="'script'", trusted_types="'none'")
_MOST_URLS = 30  # in one request for pages
_NOT_HERE = Problem(404, "not-found", "Not Found", "This bundle has no manifest.")


class SuggestQuery(BaseModel):
    """What GET /explorer/suggest takes."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(max_length=200)] = ""


class PagesQuery(BaseModel):
    """What GET /explorer/pages takes."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[list[str], Field(max_length=_MOST_URLS)]


class Rating(BaseModel):
    """What POST /explorer/labels takes: how good it is to go from one page to another."""

    model_config = ConfigDict(extra="forbid")

    url1: str
    url2: str
    quality: Annotated[int, Field(ge=0, le=4, strict=True)]


def explorer_router(gateway: Gateway) -> APIRouter:
    """Return the explorer's routes. The page needs no key; its data need the right to `explain`."""
    router = APIRouter(include_in_schema=False)
    _add_page(router)

    def staff(request: Request) -> None:
        gateway.authorizer.explain(request.headers.get("authorization"), request.headers.get("x-api-key"))

    data = APIRouter(prefix="/explorer", dependencies=[Depends(staff)], include_in_schema=False)
    _add_pages(data, gateway)
    beside = Beside(gateway)
    _add_state(data, gateway, beside)
    _add_beside(data, beside)
    _add_labels(data, gateway)
    router.include_router(data)
    return router


def _add_page(router: APIRouter) -> None:
    with as_file(files("service.explorer") / "static") as directory:
        static = StaticFiles(read_files(directory.iterdir()))

    @router.get("/")
    async def page(request: Request) -> Response:
        """Return the explorer."""
        return static.response(request, "index.html", _PAGE_HEADERS)

    @router.get("/explorer/static/{name}")
    async def file(request: Request, name: str) -> Response:
        """Return a script, a style or an image."""
        return static.response(request, name)


def _add_pages(router: APIRouter, gateway: Gateway) -> None:
    suggestions = Suggestions(gateway.live)

    @router.get("/suggest")
    async def suggest(query: Annotated[SuggestQuery, Query()]) -> Response:
        """Pages by what was typed of their title or address; the most clicked ones where nothing was."""
        return _json([_shown(page) for page in await suggestions.find(query.q)])

    @router.get("/pages")
    async def pages(query: Annotated[PagesQuery, Query()]) -> Response:
        """The title and snippet of each URL, in order; `known` says whether the bundle has the page."""
        return _json([_page(gateway, url) for url in query.url])


def _add_state(router: APIRouter, gateway: Gateway, beside: Beside) -> None:
    traffic = Traffic(gateway)

    @router.get("/about")
    async def about() -> Response:
        """What serves: bundle, λ, parts of the cascade; who else can answer; whether ratings are kept."""
        live = gateway.live.bundle
        blend = {} if live.manifest is None else live.manifest.metrics.get("blend", {})
        return _json(
            {
                "bundle": live.name,
                "quality_weight": blend.get("quality_weight"),
                "k": DEFAULT_K,
                "budget_ms": gateway.settings.budget_ms,
                "ratings": gateway.explored.labels is not None,
                "parts": [asdict(part) for part in describe(live.cascade)],
                "arms": beside.arms(),
                "bundles": await beside.bundles(),
            }
        )

    @router.get("/bundle")
    async def bundle(request: Request) -> Response:
        """How the live bundle was built."""
        manifest = gateway.live.bundle.manifest
        if manifest is None:
            return problems.response(_NOT_HERE, request.scope[REQUEST_ID])
        return _json(bundle_view(manifest))

    @router.get("/traffic")
    async def traffic_now() -> Response:
        """Counts of this process."""
        return _json(await traffic.now())


def _add_beside(router: APIRouter, beside: Beside) -> None:
    @router.post("/beside")
    async def answer(request: Request, asked: BesideRequest) -> Response:
        """The explained answer of an arm or another bundle, as POST /recommend would give it."""
        scope, found = request.scope, await beside.answer(asked)
        return Response(
            found.json(scope[REQUEST_ID], (time.perf_counter() - scope[STARTED]) * 1e3), media_type="application/json"
        )


def _add_labels(router: APIRouter, gateway: Gateway) -> None:
    labels = gateway.explored.labels
    if labels is None:
        return

    @router.post("/labels")
    async def rate(request: Request, rating: Rating) -> Response:
        """Append a rating to the table `labels` of the next build."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            other = Problem(403, "other-site", "Forbidden", "Another site cannot rate: open the explorer itself.")
            return problems.response(other, request.scope[REQUEST_ID])
        url1, url2 = (_known(gateway, name, getattr(rating, name)) for name in ("url1", "url2"))
        label = Label(url1, url2, rating.quality)
        try:
            await asyncio.to_thread(labels.add, label)
        except LabelFileError as error:
            problem = Problem(503, "label-not-stored", "The rating was not stored", str(error))
            return problems.response(problem, request.scope[REQUEST_ID])
        return _json(label._asdict())


def _known(gateway: Gateway, field: str, url: str) -> str:
    """Return the URL of a page of the bundle: the build rejects labels of others. Raises ClientError."""
    page = _page(gateway, url)
    if not page["known"]:
        raise ClientError([FieldError(field, "it is no page of this bundle", "rate pages that the bundle has")])
    return str(page["url"])


def _page(gateway: Gateway, url: str) -> dict[str, Any]:
    live = gateway.live.bundle
    try:
        located = live.addresses.locate(url)
    except InvalidURL:
        return {"url": url, "known": False}
    row = live.addresses.row(located.page)
    return {"url": located.url, "known": False} if row is None else {**_shown(read_text(row)), "known": True}


def _shown(page: PageText) -> dict[str, Any]:
    return page._asdict()


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
