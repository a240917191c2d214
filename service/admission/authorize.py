"""Who may come in, and how often: API keys and their rates; open to everybody when no keys are set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.admission.api_keys import Keys, offered
from service.admission.rate_limits import Rates
from service.admission.refusal import NotExplained, Refusal
from service.http import problems
from service.http.middleware import REQUEST_ID
from service.metrics import Metrics

CALLER = "onward.caller"
_OPEN = frozenset({"/healthz", "/readyz"})


class Door:
    """Asks for a key and counts what its owner asks."""

    def __init__(
        self,
        keys: Keys | None = None,
        rates: Rates | None = None,
        metrics: Metrics | None = None,
        explains: bool = True,
        explain_keys: Keys | None = None,
    ) -> None:
        self._keys, self._rates, self._metrics = keys, rates, metrics or Metrics()
        self._explains, self._explain_keys = explains, explain_keys

    @property
    def closed(self) -> bool:
        """Whether a key is needed."""
        return self._keys is not None

    def caller(self, authorization: str | None, x_api_key: str | None) -> str | None:
        """Return the name of the key that was sent, None when none is needed. Raises Stranger."""
        with self._counted():
            return None if self._keys is None else self._keys.name(offered(authorization, x_api_key))

    async def spend(self, caller: str | None, requests: int, batch: int = 1) -> None:
        """Count requests of a caller, which belong to a batch of so many. Raises TooMany and TooLarge."""
        if caller is not None and self._rates is not None and requests > 0:
            with self._counted():
                await self._rates.spend(caller, requests, batch)

    def explain(self, authorization: str | None, x_api_key: str | None) -> None:
        """Let through who may ask for a record of every stage. Raises NotExplained and Stranger."""
        with self._counted():
            if not self._explains:
                raise NotExplained
            if self._explain_keys is not None:
                self._explain_keys.name(offered(authorization, x_api_key))

    async def close(self) -> None:
        """Free what was opened."""
        if self._rates is not None:
            await self._rates.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except Refusal as refusal:
            self._metrics.refused.labels(refusal.kind).inc()
            raise


class Doorkeeper:
    """The door on the HTTP side, before a body is read. Goes by `scope["path"]`, which is what is routed."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            headers = Headers(scope=scope)
            try:
                scope[CALLER] = self._door.caller(headers.get("authorization"), headers.get("x-api-key"))
                await self._door.spend(scope[CALLER], 1)
            except Refusal as refusal:
                response = problems.of_error(refusal).response(scope[REQUEST_ID], refusal.headers)
                return await response(scope, receive, send)
        await self._app(scope, receive, send)
