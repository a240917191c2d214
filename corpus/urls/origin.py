"""Origins of web pages as browsers send them: scheme, host and port."""

from __future__ import annotations

from corpus.urls.url import InvalidURL, canonical

#: Stands for every origin.
ANY = "*"


def origin(entry: str) -> str:
    """Return the entry if it is an origin, such as `https://www.example.org`, or ANY. Raises InvalidURL."""
    if entry == ANY:
        return entry
    try:
        parts = canonical(entry).split("/")
    except InvalidURL:
        raise InvalidURL(f"{entry[:200]!r} is no origin: write one such as 'https://www.example.org'") from None
    if "*" in parts[2]:
        raise InvalidURL(f"{entry[:200]!r}: a part of a host cannot be '*': list each origin")
    sent = f"{parts[0]}//{parts[2]}"
    if sent != entry:
        raise InvalidURL(f"{entry[:200]!r} is not what browsers send: write {sent!r}")
    return entry
