"""Health checks for load balancers and schedulers: whether the process runs, and whether it takes requests."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from service.gateway import Gateway
from service.http import problems
from service.http.middleware import REQUEST_ID
from service.http.schema import PROBLEM

_JSON = "application/json"
_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {**PROBLEM, "description": "The gateway is starting or shutting down"}
}


def add_health(app: FastAPI, gateway: Gateway) -> None:
    """Add /healthz and /readyz; both ports have them."""

    @app.get("/healthz", tags=["operations"])
    async def healthz() -> Response:
        """Whether the process runs; nothing else is checked."""
        return Response(b'{"status":"alive"}', media_type=_JSON)

    @app.get("/readyz", tags=["operations"], responses=_NOT_READY)
    async def readyz(request: Request) -> Response:
        """Whether this process takes requests."""
        if not gateway.ready:
            return problems.response(problems.NOT_READY, request.scope[REQUEST_ID])
        state: dict[str, Any] = {"status": "ready", "bundle": gateway.bundle}
        if (refused := gateway.refused) is not None:  # still ready: the live bundle serves
            state["refused"] = {"bundle": refused.bundle, "reason": refused.reason}
        if problems_of_rules := gateway.rules_problems:  # still ready: the last rules are in force
            state["rules"] = {"refused": sorted(problems_of_rules)}
        experiments = gateway.recommender.experiments
        if experiments is not None and experiments.problem:  # still ready: the previous arms answer
            state["arms"] = {"refused": True}
        return Response(orjson.dumps(state), media_type=_JSON)
