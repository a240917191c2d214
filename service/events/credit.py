"""Credits events: an answer ID says which list, positions, arm and bundle an event belongs to.

A row of the events table is made here; `corpus/events/schema.py` has its columns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import orjson
from cachetools import LRUCache

from corpus.urls.url import InvalidURL
from service.answer_ids.answer_ids import AnswerId, AnswerIds, BadAnswerId
from service.events.event import Event, Rejection
from service.experiments.experiment import AND
from service.live_bundle import Live, LoadedBundle
from store.page_row import read_text

_KEPT_BYTES = 8_000_000  # of answers whose part of a row is kept, since many events are about the same answer
_OBJECTS = 1500  # bytes of a kept answer's Python objects, without the text
_EARLY_S = 300.0  # before the answer was made: clocks of replicas and readers differ
_LATE_S = 60.0  # after the event arrived

Columns = dict[str, Any]


class Row(NamedTuple):
    """An event's row as a line of JSON, and the arms that it is credited to."""

    line: bytes
    experiment: str
    arms: tuple[str, ...]
    kind: str


class Credits:
    """Makes rows of the events table; for one event loop."""

    def __init__(self, ids: AnswerIds, live: Live, clock: Callable[[], float] = time.time) -> None:
        self._ids, self._live, self._clock = ids, live, clock
        self._answers: LRUCache[tuple[str, ...], Columns] = LRUCache(_KEPT_BYTES, _bytes)

    def now(self) -> float:
        """Return the time of receipt, in seconds since 1970."""
        return self._clock()

    def row(self, event: Event, received: float) -> Row:
        """Return an event's row. Raises Rejection: `forged`, `stale`, `unknown_position`, …"""
        about = event.event_attributes
        try:
            said = self._ids.read(about.answer_id)
        except BadAnswerId as error:
            raise Rejection(error.reason, "event_attributes.answer_id", error.problem, error.fix) from None
        position = None if event.action_name == "impression" else _position(event, said)
        if position is not None and about.object is not None:
            self._check_page(said, str(about.object.object_id), said.pages[position - 1], position)
        answer, sent = self._answer(about.answer_id, said), event.time
        plausible = said.minted - _EARLY_S <= sent <= received + _LATE_S
        columns = {
            "event_id": event.event_id,
            "kind": event.action_name,
            "time": _iso(sent if plausible else received),
            "received": _iso(received),
            "impression_id": event.query_id,
            "unit": event.client_id or None,
            **answer,
            "position": position,
            "url2": None if position is None else answer["urls"][position - 1],
            "dwell_s": about.dwell_s if event.action_name == "dwell" else None,
        }
        line = orjson.dumps(columns, option=orjson.OPT_APPEND_NEWLINE)
        return Row(line, said.experiment, _credited(said, position), event.action_name)

    def _answer(self, answer_id: str, said: AnswerId) -> Columns:
        """Return the columns that all events about an answer share."""
        bundles = self._bundles(said)
        key = (answer_id, *(bundle.name for bundle in bundles))
        if (columns := self._answers.get(key)) is None:
            url1, *urls = _urls(bundles, (said.page1, *said.pages))
            columns = self._answers[key] = {
                "answer_id": answer_id,
                "experiment": said.experiment,
                "arm": said.arm,
                "bundle": said.bundle,
                "url1": said.url1 or url1,
                "urls": urls,
                "propensities": said.propensities or None,
                "shuffled": said.shuffled if said.propensities else None,
                "teams": said.teams or None,
            }
        return columns

    def _bundles(self, said: AnswerId) -> list[LoadedBundle]:
        """Return the bundles that know the pages of an answer: the live one, and those of arms that made it."""
        made_by = said.bundle.split(AND)
        live, *held = self._live.serving.values()
        return [live, *(bundle for bundle in held if bundle.name in made_by)]

    def _check_page(self, said: AnswerId, object_id: str, page: int, position: int) -> None:
        """Check that the object is the page at the position. Raises Rejection: `other_page`."""
        if not any(_is_page(bundle, object_id, page) for bundle in self._bundles(said)):
            problem = f"it is not the page at position {position}"
            fix = "send the URL of the page at that position (1 is the first), or leave it out"
            raise Rejection("other_page", "event_attributes.object.object_id", problem, fix)


def _credited(said: AnswerId, position: int | None) -> tuple[str, ...]:
    """Return the arms of an impression, or the one that placed a page; none for a page that a rule pinned."""
    arms = tuple(said.arm.split(AND)) if said.arm else ()
    if position is None or not said.teams:
        return arms
    team = said.teams[position - 1]
    return (arms[team],) if 0 <= team < len(arms) else ()


def _position(event: Event, said: AnswerId) -> int:
    ordinal = event.ordinal or 0
    if not 1 <= ordinal <= len(said.pages):
        problem = f"the list has {len(said.pages)} pages"
        fix = "send the page's place in the list; 1 is the first"
        raise Rejection("unknown_position", "event_attributes.position.ordinal", problem, fix)
    return ordinal


def _bytes(columns: Columns) -> int:
    """Return an upper estimate of a kept answer's memory; its ID is also in the key."""
    texts = (columns["url1"], *columns["urls"])
    return _OBJECTS + 2 * len(columns["answer_id"]) + sum(80 + 4 * len(text or "") for text in texts)


def _urls(bundles: Sequence[LoadedBundle], pages: tuple[int, ...]) -> list[str | None]:
    """Return the pages' URLs; None for pages that are in none of the bundles."""
    found: list[str | None] = [None] * len(pages)
    for bundle in bundles:
        if None in found:
            rows = bundle.pages.read(np.array(pages, np.uint64))
            found = [url or (None if row is None else read_text(row).url) for url, row in zip(found, rows, strict=True)]
    return found


def _is_page(bundle: LoadedBundle, url: str, page: int) -> bool:
    try:
        return bundle.addresses.page(url) == page
    except InvalidURL:
        return False


def _iso(seconds: float) -> str:
    time = datetime.fromtimestamp(seconds, UTC)
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"  # with a zone it takes twice as long
