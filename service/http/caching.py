"""What browsers and proxies may keep of an answer, and how they ask whether it still holds."""

from __future__ import annotations

from service.answers.answer import Answer
from service.settings import Settings


class HttpCaching:
    """The caching headers of an answer to GET.

    The entity tag is a *weak* one: answers with the same pages are the same answer, though `request_id` and `took_ms`
    in their bodies differ. A strong tag would promise equal bytes.
    """

    def __init__(self, settings: Settings, keys: bool) -> None:
        cache = settings.cache
        whose = "private" if keys else "public"  # a shared cache would answer those without a key
        self._whole = f"{whose}, max-age={cache.public_s:g}, stale-while-revalidate={cache.public_stale_s:g}"

    def headers(self, answer: Answer) -> dict[str, str]:
        """Return the headers: an answer that lacks a part, or records one run, is nothing to keep."""
        if not answer.cacheable:
            return {"Cache-Control": "no-store"}
        return {"Cache-Control": self._whole, "ETag": f'W/"{answer.tag}"'}


def matches(if_none_match: str | None, answer: Answer) -> bool:
    """Return whether the caller has this answer already; weak comparison, as If-None-Match asks for."""
    if if_none_match is None or not answer.cacheable:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or f'"{answer.tag}"' in tags
