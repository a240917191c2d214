"""The admin port: health, metrics and what only operators may do; by default it listens on localhost only."""

from __future__ import annotations

from fastapi import FastAPI, Response

from service.gateway import Gateway
from service.http.app import HANDLERS
from service.http.health import add_health
from service.http.middleware import RequestMiddleware
from service.http.rules_route import add_rules
from service.http.swap_route import add_swap
from service.metrics import CONTENT_TYPE


def make_admin_app(gateway: Gateway) -> FastAPI:
    """Return the HTTP application of the admin port."""
    app = FastAPI(
        title="Onward, for operators",
        summary="Health and metrics of one process",
        version="1",
        redirect_slashes=False,
        redoc_url=None,
        exception_handlers=HANDLERS,
    )
    add_health(app, gateway)

    @app.get("/metrics", tags=["operations"], response_class=Response)
    async def metrics() -> Response:
        """Prometheus metrics of this process."""
        return Response(gateway.metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    add_swap(app, gateway)
    add_rules(app, gateway)
    routes = app.openapi()["paths"]
    app.add_middleware(
        RequestMiddleware, metrics=gateway.metrics, routes=routes, draining=lambda: False, protocol="admin"
    )
    return app
