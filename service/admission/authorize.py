"""Authorization: API keys and their rate limits. Without keys everybody is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.admission.api_keys import ApiKeys, sent_key
from service.admission.rate_limits import RateLimits
from service.admission.refusal import ExplainForbidden, Refusal
from service.metrics import Metrics


class Authorizer:
    """Checks the API key of a request, and counts requests per key."""

    def __init__(
        self,
        keys: ApiKeys | None = None,
        rates: RateLimits | None = None,
        metrics: Metrics | None = None,
        explains: bool = True,
        explain_keys: ApiKeys | None = None,
    ) -> None:
        self._keys, self._rates, self._metrics = keys, rates, metrics or Metrics()
        self._explains, self._explain_keys = explains, explain_keys

    @property
    def needs_key(self) -> bool:
        """Whether a key is needed."""
        return self._keys is not None

    def caller(self, authorization: str | None, x_api_key: str | None) -> str | None:
        """Return the name of the key that was sent; None where no key is needed. Raises Unauthorized."""
        with self._counting_refusals():
            return None if self._keys is None else self._keys.name(sent_key(authorization, x_api_key))

    async def count(self, caller: str | None, requests: int, batch: int = 1) -> None:
        """Count requests of a caller, out of a batch of `batch`. Raises RateLimited and BatchTooLarge."""
        if caller is not None and self._rates is not None and requests > 0:
            with self._counting_refusals():
                await self._rates.count(caller, requests, batch)

    def explain(self, authorization: str | None, x_api_key: str | None) -> None:
        """Check that the caller may ask for an explanation. Raises ExplainForbidden and Unauthorized."""
        with self._counting_refusals():
            if not self._explains:
                raise ExplainForbidden
            if self._explain_keys is not None:
                self._explain_keys.name(sent_key(authorization, x_api_key))

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._rates is not None:
            await self._rates.close()

    @contextmanager
    def _counting_refusals(self) -> Iterator[None]:
        try:
            yield
        except Refusal as refusal:
            self._metrics.refused.labels(refusal.kind).inc()
            raise
