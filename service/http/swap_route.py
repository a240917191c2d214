"""The admin route that swaps to a named bundle."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from service.bundles.verdict import Refused
from service.gateway import Gateway
from service.http import problems
from service.http.middleware import REQUEST_ID
from service.http.schema import ProblemBody

_REFUSED: dict[int | str, dict[str, Any]] = {
    409: {
        "model": ProblemBody,
        "content": {problems.MEDIA_TYPE: {}},
        "description": "The bundle is refused; the live one stays",
    }
}


class SwapRequest(BaseModel):
    """Which bundle shall be live in this process."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64, description="of a published bundle")
    force: bool = Field(default=False, description="take it although its answers differ much; files are checked still")


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
        """Make a published bundle the live one of this process, until `current` is written again."""
        before = gateway.bundle
        try:
            await swaps.to(body.name, body.force)
        except Refused as refused:
            title = "The bundle is refused; the live one stays"
            problem = problems.Problem(409, f"bundle-refused-{refused.reason}", title, str(refused))
            return problem.response(request.scope[REQUEST_ID])
        return Response(orjson.dumps({"bundle": gateway.bundle, "before": before}), media_type="application/json")
