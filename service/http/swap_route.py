"""The admin route that swaps to a named bundle."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from service.api.problems import Problem
from service.bundles.check_messages import Refused
from service.gateway import Gateway
from service.http import problems
from service.http.middleware import REQUEST_ID
from service.http.schema import PROBLEM

_TITLE = "The bundle is refused; the live one stays"
_REFUSED: dict[int | str, dict[str, Any]] = {409: {**PROBLEM, "description": _TITLE}}


class SwapRequest(BaseModel):
    """Which bundle to make live in this process."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64, description="of a published bundle")
    force: bool = Field(default=False, description="swap even if its answers differ a lot; files are still checked")


class SwapBody(BaseModel):
    """What was live before, and what is live now."""

    bundle: str
    before: str


def add_swap(app: FastAPI, gateway: Gateway) -> None:
    """Add POST /admin/bundle, where the gateway can swap."""
    swaps = gateway.swaps
    if swaps is None:
        return

    @app.post("/admin/bundle", response_model=SwapBody, responses=_REFUSED, tags=["operations"])
    async def swap(request: Request, body: SwapRequest) -> Response:
        """Make a published bundle live in this process, until `current` is written again."""
        before = gateway.bundle
        try:
            await swaps.to(body.name, body.force)
        except Refused as refused:
            problem = Problem(409, f"bundle-refused-{refused.reason}", _TITLE, str(refused))
            return problems.response(problem, request.scope[REQUEST_ID])
        return Response(orjson.dumps({"bundle": gateway.bundle, "before": before}), media_type="application/json")
