"""`GET /docs`: the OpenAPI document as a page, which loads nothing from outside."""

from __future__ import annotations

from importlib.resources import as_file, files

from fastapi import FastAPI, Request, Response

from service.http.static_files import StaticFiles, page_headers, read_files

_SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css")
_HEADERS = page_headers(style_src="'self' 'unsafe-inline'")  # Swagger UI styles its elements in place


def add_docs(app: FastAPI) -> None:
    """Add /docs and the files that it loads; Swagger UI comes with the package `fastapi-offline`."""
    with as_file(files("fastapi_offline") / "static") as library, as_file(files("service.http") / "static") as own:
        static = StaticFiles(read_files([*(library / name for name in _SWAGGER), own / "docs.html", own / "docs.js"]))

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        """Return the page."""
        return static.response(request, "docs.html", _HEADERS)

    @app.get("/docs/{name}", include_in_schema=False)
    async def docs_file(request: Request, name: str) -> Response:
        """Return a file of the page."""
        return static.response(request, name)
