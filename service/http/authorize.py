"""ASGI middleware that authorizes a request before its body is read."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.admission.authorize import Authorizer
from service.admission.refusal import Refusal
from service.http import problems
from service.http.middleware import REQUEST_ID

CALLER = "onward.caller"
_OPEN = frozenset({"/healthz", "/readyz", "/", "/widget.js", "/widget.css"})  # "/": the explorer asks for a key
_OPEN_BELOW = "/explorer/static/"  # its scripts and styles


class AuthorizeMiddleware:
    """Refuses a request without a valid key or beyond its rate limit; health checks and static files need none.

    `public` are further paths that need none.
    """

    def __init__(self, app: ASGIApp, authorizer: Authorizer, public: Iterable[str] = ()) -> None:
        self._app, self._authorizer, self._open = app, authorizer, _OPEN.union(public)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[CALLER] = None
        if self._authorizer.needs_key and scope["type"] == "http" and not self._is_open(scope["path"]):
            headers = Headers(scope=scope)
            try:
                scope[CALLER] = self._authorizer.caller(headers.get("authorization"), headers.get("x-api-key"))
                await self._authorizer.count(scope[CALLER], 1)
            except Refusal as refusal:
                response = problems.error_response(refusal, scope[REQUEST_ID])
                return await response(scope, receive, send)
        await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._open or path.startswith(_OPEN_BELOW)
