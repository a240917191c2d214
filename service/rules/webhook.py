"""Calls the outside cache's webhook with keys to drop: off the request path, bounded, and again after a failure."""

from __future__ import annotations

import asyncio
import logging
import urllib.request
from collections import deque
from collections.abc import Sequence
from http.client import HTTPException

import orjson

from service.metrics import Metrics
from service.settings import PurgeSettings

log = logging.getLogger(__name__)

_AT_ONCE = 256  # keys per call: what large caches accept
_WAITING = 64  # calls; further ones push out the oldest
_LONGEST_S = 60.0  # between two tries


class Webhook:
    """Sends keys as `{"keys": […]}`; a reply of 200 to 299 ends a call. For one event loop."""

    def __init__(self, settings: PurgeSettings, metrics: Metrics) -> None:
        self._settings, self._count = settings, metrics.purges.labels
        self._waiting: deque[bytes] = deque()
        self._sending: asyncio.Task[None] | None = None

    def send(self, keys: Sequence[str]) -> bool:
        """Queue keys; return whether there is a webhook."""
        if not self._settings.webhook or not keys:
            return False
        for start in range(0, len(keys), _AT_ONCE):
            self._waiting.append(orjson.dumps({"keys": keys[start : start + _AT_ONCE]}))
        while len(self._waiting) > _WAITING:
            self._waiting.popleft()
            self._count("dropped").inc()
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())
        return True

    async def close(self) -> None:
        """Stop; calls that wait are lost."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _send_all(self) -> None:
        while self._waiting:
            await self._send(self._waiting.popleft())

    async def _send(self, body: bytes) -> None:
        problem = ""
        for attempt in range(self._settings.tries):
            if attempt:
                self._count("retried").inc()
                await asyncio.sleep(min(_LONGEST_S, 2.0 ** (attempt - 1)))
            try:
                await asyncio.to_thread(self._call, body)
            except (OSError, HTTPException, ValueError) as error:  # ValueError: of a URL that urllib does not read
                problem = f"{type(error).__name__}: {error}"
                continue
            self._count("sent").inc()
            return
        self._count("failed").inc()
        log.warning("purge.webhook failed %d times, its keys were not sent: %s", self._settings.tries, problem)

    def _call(self, body: bytes) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "onward"}
        request = urllib.request.Request(self._settings.webhook, body, headers)  # noqa: S310 -- the settings allow http only
        with urllib.request.urlopen(request, timeout=self._settings.timeout_ms / 1e3):  # noqa: S310
            pass
