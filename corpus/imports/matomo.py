"""Matomo: visits of `Live.getLastVisitsDetails`, as JSON, or as CSV or TSV (UTF-16 unless convertToUnicode=0).

In CSV the columns of an action are `actionDetails_0_url`, or `url (actionDetails 0)` with translated names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from corpus.imports.export_file import ExportFile
from corpus.imports.instants import from_seconds
from corpus.imports.numbers import as_number
from corpus.imports.records import NO_URL, LeftOut, Numbered, Record, View
from corpus.imports.scalars import as_id, as_text
from corpus.imports.text_records import csv_rows, json_objects

_COLUMN = re.compile(r"actiondetails_(\d{1,9})_(\w+)|(\w+) \(actiondetails (\d{1,9})\)", re.IGNORECASE)
_FIELDS = {name.lower(): name for name in ("type", "url", "pageTitle", "timestamp", "timeSpent")}
_VISIT = "idvisit"

Action = Mapping[str, Any]


class Matomo:
    """Reads the page views of visits, with the time spent on each."""

    name, title, unit = "matomo", "an export of Matomo's visits (Live.getLastVisitsDetails)", "visit"

    def recognises(self, file: ExportFile) -> bool:
        start = file.start.lower()
        return _VISIT in start and "actiondetails" in start

    def read(self, file: ExportFile) -> Numbered:
        is_json = file.start.lstrip().startswith(("[", "{"))
        for number, visit in _visits_of_json(file) if is_json else _visits_of_csv(file):
            if isinstance(visit, LeftOut):
                yield number, visit
                continue
            session, referrer, actions = visit
            for action in actions:
                yield number, _record(session, referrer, action)
                referrer = ""  # of the visit; between its pages the order tells


_Visit = tuple[str | None, str, Sequence[Action]]


def _visits_of_json(file: ExportFile) -> Iterator[tuple[int, _Visit | LeftOut]]:
    for number, visit in json_objects(file):
        if isinstance(visit, LeftOut):
            yield number, visit
        elif not isinstance(actions := visit.get("actionDetails"), list) or not actions:
            yield number, LeftOut("visit without actions", "actionDetails")
        else:
            yield (
                number,
                (as_id(visit.get("idVisit")), "", [action for action in actions if isinstance(action, Mapping)]),
            )


def _visits_of_csv(file: ExportFile) -> Iterator[tuple[int, _Visit | LeftOut]]:
    names, rows = csv_rows(file, [_VISIT, "idsite"])
    places = _places(names)
    id_at = next((i for i, name in enumerate(names) if name.strip().lower() == _VISIT), None)
    for number, row in rows:
        if isinstance(row, LeftOut):
            yield number, row
            continue
        filled = ({name: row[i] for name, i in at.items() if row[i] != ""} for at in places)
        if actions := [action for action in filled if action]:
            yield number, (None if id_at is None else as_id(row[id_at]), "", actions)
        else:
            yield number, LeftOut("visit without actions", "actionDetails")


def _places(names: Sequence[str]) -> list[dict[str, int]]:
    """Return, per action, the column of each field."""
    places: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for column, name in enumerate(names):
        if found := _COLUMN.fullmatch(name.strip()):
            number, field = (found[1], found[2]) if found[1] else (found[4], found[3])
            if field.lower() in _FIELDS:
                places[int(number)][_FIELDS[field.lower()]] = column
    return [places[number] for number in sorted(places)]


def _record(session: str | None, referrer: str, action: Action) -> Record:
    kind = as_text(action.get("type") or "action")
    if kind != "action":
        return LeftOut(f"action {kind[:60]}", "type", kind)
    if not isinstance(url := action.get("url"), str) or not url.strip():
        return LeftOut(NO_URL, "url")
    time = from_seconds(action.get("timestamp"))
    if time is None:
        return LeftOut("bad time", "timestamp", as_text(action.get("timestamp")))
    title = action.get("pageTitle")
    return View(
        url, time, session, title if isinstance(title, str) else "", referrer, _seconds(action.get("timeSpent"))
    )


def _seconds(value: object) -> float | None:
    seconds = as_number(value)
    return None if seconds is None else max(0.0, seconds)  # Matomo does not know it of a visit's last page
