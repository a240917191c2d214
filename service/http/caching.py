"""HTTP caching: how long browsers and proxies may keep an answer, and how they revalidate it."""

from __future__ import annotations

from service.answers.answer import Answer
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
        kept = f"{scope}, max-age={cache.public_s:g}, stale-while-revalidate={cache.public_stale_s:g}"
        self._cacheable = (b"cache-control", kept.encode())

    def headers(self, answer: Answer) -> list[tuple[bytes, bytes]]:
        """Return the headers as ASGI has them; degraded and explained answers must not be stored."""
        if not answer.cacheable:
            return [NO_STORE]
        return [self._cacheable, (b"etag", b'W/"%b"' % answer.tag.encode())]


def matches(if_none_match: str | None, answer: Answer) -> bool:
    """Return whether the caller already has this answer, by the weak comparison of If-None-Match."""
    if if_none_match is None or not answer.cacheable:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or f'"{answer.tag}"' in tags
