"""The two questions that balancers and schedulers ask: does it run, and should requests go there."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from service.gateway import Gateway
from service.http import problems
from service.http.middleware import REQUEST_ID
from service.http.schema import ProblemBody

_JSON = "application/json"
_LEAVING: dict[int | str, dict[str, Any]] = {
    503: {
        "model": ProblemBody,
        "content": {problems.MEDIA_TYPE: {}},
        "description": "The gateway starts or leaves",
    }
}


def add_health(app: FastAPI, gateway: Gateway) -> None:
    """Add /healthz and /readyz; both ports have them."""

    @app.get("/healthz", tags=["operations"])
    async def healthz() -> Response:
        """The process runs; nothing else is looked at."""
        return Response(b'{"status":"alive"}', media_type=_JSON)

    @app.get("/readyz", tags=["operations"], responses=_LEAVING)
    async def readyz(request: Request) -> Response:
        """Whether requests should be sent here."""
        if not gateway.ready:
            return problems.NOT_READY.response(request.scope[REQUEST_ID])
        state: dict[str, Any] = {"status": "ready", "bundle": gateway.bundle}
        if (refused := gateway.refused) is not None:  # ready all the same: the bundle before it serves
            state["refused"] = {"bundle": refused.bundle, "reason": refused.reason}
        return Response(orjson.dumps(state), media_type=_JSON)
