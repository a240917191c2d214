"""HTTP caching: how long browsers and proxies may keep an answer, and how they revalidate it."""

from __future__ import annotations

from service.answers.answer import Answer
from service.settings import Settings


class HttpCaching:
    """The caching headers of an answer to GET.

    The entity tag is *weak*: answers with the same pages count as equal although their `request_id` and `took_ms`
    differ. A strong tag would promise equal bytes.
    """

    def __init__(self, settings: Settings, keys: bool) -> None:
        cache = settings.cache
        scope = "private" if keys else "public"  # a shared cache would also answer callers without a key
        ages = f"max-age={cache.public_s:g}, stale-while-revalidate={cache.public_stale_s:g}"
        self._cacheable, self._private = f"{scope}, {ages}", f"private, {ages}"

    def headers(self, answer: Answer, unit: str = "") -> dict[str, str]:
        """Return the headers; degraded and explained answers must not be stored, and a unit's not by shared caches."""
        if not answer.cacheable:
            return {"Cache-Control": "no-store"}
        return {"Cache-Control": self._private if unit else self._cacheable, "ETag": f'W/"{answer.tag}"'}


def matches(if_none_match: str | None, answer: Answer) -> bool:
    """Return whether the caller already has this answer, by the weak comparison of If-None-Match."""
    if if_none_match is None or not answer.cacheable:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or f'"{answer.tag}"' in tags
