"""HTTP caching: how long browsers and proxies may keep an answer, and how they revalidate it."""

from __future__ import annotations

import math
import time

from service.answers.answer import Answer
from service.rules.surrogate_keys import keys_of
from service.settings import Settings

#: The header of a response that is valid once, for one caller.
NO_STORE = (b"cache-control", b"no-store")


class HttpCaching:
    """The caching headers of an answer to GET.

    The entity tag is *weak*: answers with the same pages count as equal although their `request_id` and `took_ms`
    differ. A strong tag would promise equal bytes.
    """

    def __init__(self, settings: Settings, keys: bool) -> None:
        cache = settings.cache
        scope = "private" if keys else "public"  # a shared cache would also answer callers without a key
        self._scope, self._fresh_s, self._stale_s = scope, cache.public_s, cache.public_stale_s
        self._cacheable, self._private = self._for(scope, math.inf), self._for("private", math.inf)
        self._keys = settings.purge.keys

    def headers(self, answer: Answer, unit: str = "") -> list[tuple[bytes, bytes]]:
        """Return the headers as ASGI has them.

        Degraded and explained answers must not be stored, none beyond its time, and a unit's not by shared caches.
        """
        if not answer.cacheable:
            return [NO_STORE]
        until = answer.terms.until
        if until == math.inf:
            control = self._private if unit else self._cacheable
        else:
            control = self._for("private" if unit else self._scope, max(0.0, until - time.time()))
        headers = [(b"cache-control", control), (b"etag", b'W/"%b"' % answer.tag.encode())]
        if self._keys:
            keys = keys_of(answer.pages)
            headers += [(b"surrogate-key", " ".join(keys).encode()), (b"cache-tag", ",".join(keys).encode())]
        return headers

    def _for(self, scope: str, left_s: float) -> bytes:
        """Return how long an answer may be kept that stands for so many seconds."""
        fresh = int(min(self._fresh_s, left_s))
        stale = int(min(self._stale_s, left_s - fresh))
        return f"{scope}, max-age={fresh}, stale-while-revalidate={stale}".encode()


def matches(if_none_match: str | None, answer: Answer) -> bool:
    """Return whether the caller already has this answer, by the weak comparison of If-None-Match."""
    if if_none_match is None or not answer.cacheable:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or f'"{answer.tag}"' in tags
