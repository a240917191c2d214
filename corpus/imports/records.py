"""What an importer finds in a file: views, time spent, pages, and other addresses of a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class View(NamedTuple):
    """A reader opened a page."""

    url: str
    time: int  # microseconds since 1970
    session: str | None  # as the tool names it; only its hash is kept. None: the tool knows no session
    title: str = ""
    referrer: str = ""
    dwell_s: float | None = None


class Engagement(NamedTuple):
    """A reader spent time on a page that was opened before."""

    url: str
    time: int
    session: str | None
    seconds: float | None  # None: one heartbeat of the tracker, whose length the log tells


class Page(NamedTuple):
    """A page of the site; empty text means unknown."""

    url: str
    title: str = ""
    snippet: str = ""
    language: str = ""
    published: int | None = None  # microseconds since 1970
    body: str = ""
    listed: bool = True  # by the site itself; False: only a report of visits names it
    translations: tuple[str, ...] = ()  # addresses of the page in other languages


class Alias(NamedTuple):
    """Another address of a page: a canonical link or a redirect."""

    url: str
    target: str


class LeftOut(NamedTuple):
    """A record that is not used, and why."""

    reason: str
    field: str = ""
    value: str = ""


Record = View | Engagement | Page | Alias | LeftOut

#: Records with their place in the file: the number of the line, row, visit or page, from 1.
Numbered = Iterator[tuple[int, Record]]

#: Reasons that several importers share.
MALFORMED, NO_URL, ROBOT = "malformed", "no address", "robot"
