"""Google Analytics 4: the tables `events_YYYYMMDD` of its BigQuery export, as JSON lines or Parquet.

Schema: https://support.google.com/analytics/answer/7029846.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.imports.export_file import PARQUET, ExportFile
from corpus.imports.instants import from_microseconds
from corpus.imports.numbers import as_whole
from corpus.imports.records import NO_URL, Engagement, LeftOut, Numbered, Record, View
from corpus.imports.scalars import as_id, as_text
from corpus.imports.text_records import json_objects
from corpus.schema import InputError

_COLUMNS = ("event_name", "event_timestamp", "user_pseudo_id", "event_params")
_AT_ONCE, _MOST_BYTES = 5_000, 16 << 20  # rows of Parquet, and their bytes
_BUFFER = 1 << 20  # bytes of a column: without it a whole row group is held
_MS = 1_000.0


class Ga4:
    """Reads page views, and reading time from `engagement_time_msec`."""

    name, title, unit = "ga4", "a BigQuery export of Google Analytics 4", "row"

    def recognises(self, file: ExportFile) -> bool:
        if file.head.startswith(PARQUET):
            return set(_COLUMNS) <= set(_schema(file).names)
        return all(f'"{name}"' in file.start for name in ("event_name", "event_params"))

    def read(self, file: ExportFile) -> Numbered:
        events = _parquet_rows(file) if file.head.startswith(PARQUET) else json_objects(file)
        for number, event in events:
            yield number, event if isinstance(event, LeftOut) else _record(event)


def _schema(file: ExportFile) -> pa.Schema:
    try:
        return pq.read_schema(file.path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file.path} could not be read: {error}: export the file again") from error


def _parquet_rows(file: ExportFile) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        with pq.ParquetFile(file.path, buffer_size=_BUFFER, pre_buffer=False) as parquet:
            for batch in parquet.iter_batches(_at_once(parquet.metadata), columns=list(_COLUMNS)):
                for number, row in enumerate(batch.to_pylist(), number + 1):  # noqa: B020 - goes on from batch to batch
                    yield number, row
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file.path} breaks after row {number}: {error}: export the file again") from error


def _at_once(metadata: pq.FileMetaData) -> int:
    """Return how many rows to read at once: fewer where they are large."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    largest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=0.0)
    return max(1, min(_AT_ONCE, int(_MOST_BYTES / max(1.0, largest))))


def _record(event: Mapping[str, Any]) -> Record:
    time = from_microseconds(event.get("event_timestamp"))
    if time is None:
        return LeftOut("bad time", "event_timestamp", as_text(event.get("event_timestamp")))
    params = _params(event.get("event_params"))
    url, name = params.get("page_location"), as_text(event.get("event_name"))
    if not isinstance(url, str) or not url:
        return LeftOut(NO_URL, "event_params.page_location", name)
    session = _session(event.get("user_pseudo_id"), params.get("ga_session_id"))
    if name == "page_view":
        return View(url, time, session, _text(params, "page_title"), _text(params, "page_referrer"))
    # Of a page_view it is the time on the page before; of any other event the time on its own page.
    engaged = params.get("engagement_time_msec")
    if session is not None and isinstance(engaged, int | float) and engaged > 0:
        return Engagement(url, time, session, engaged / _MS)
    return LeftOut(f"event {name[:60]}", "event_name", name)


def _session(user: object, session: object) -> str | None:
    """Return a session's identity: `ga_session_id` is the second of its start, so readers share it."""
    of_user, number = as_id(user), as_id(session)
    return f"{of_user} {number}" if of_user and number else None


def _text(params: Mapping[str, Any], key: str) -> str:
    value = params.get(key)
    return value if isinstance(value, str) else ""


def _params(found: object) -> dict[str, Any]:
    """Return key -> value of the repeated records `{key, value: {string_value, int_value, …}}`."""
    if isinstance(found, Mapping):  # a writer of Parquet that wraps lists: {"list": [{"element": {…}}]}
        found = found.get("list")
    params: dict[str, Any] = {}
    for item in found if isinstance(found, list) else ():
        item = item.get("element", item.get("item", item)) if isinstance(item, Mapping) else {}
        if isinstance(item, Mapping) and isinstance(key := item.get("key"), str):
            params[key] = _value(item.get("value"))
    return params


def _value(value: object) -> Any:
    """Return the only field of a value that is set; BigQuery writes whole numbers as text in JSON."""
    if not isinstance(value, Mapping):
        return None
    if (text := value.get("string_value")) is not None:
        return text
    if (found := value.get("int_value")) is not None:
        return as_whole(found)
    return next((value[name] for name in ("double_value", "float_value") if value.get(name) is not None), None)
