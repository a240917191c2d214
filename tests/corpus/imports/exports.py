"""An invented site and its log, written as each tool exports them."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.warc import WarcRecord, WarcRecordType

from corpus.imports.snowplow import COLUMNS

START = 1_777_626_000  # 2026-05-01 09:00 UTC
SITE = "https://www.brot.example"


class Seen(NamedTuple):
    """One page view of the invented log."""

    reader: str
    session: int  # of the reader
    at: int  # seconds after START
    path: str
    title: str
    dwell: int | None = None


LOG = (
    Seen("anna", 1, 0, "/rezepte/sauerteig?utm_source=mail", "Sauerteig für Anfänger", 42),
    Seen("anna", 1, 60, "/rezepte/roggenbrot", "Roggenbrot", 15),
    Seen("anna", 1, 90, "/technik/ofen", "Der Ofen, heiß", None),
    Seen("bert", 1, 30, "/rezepte/roggenbrot", "Roggenbrot", 20),
    Seen("bert", 1, 55, "/technik/ofen#dampf", "Der Ofen, heiß", None),
)


def ga4_event(seen: Seen, name: str = "page_view", ms: int | None = None, later: int = 0) -> dict[str, Any]:
    """Return an event as BigQuery writes it to JSON: whole numbers as text, null fields of values left out."""
    params: dict[str, dict[str, Any]] = {
        "ga_session_id": {"int_value": str(START + seen.session)},
        "page_location": {"string_value": SITE + seen.path},
        "page_title": {"string_value": seen.title},
        "session_engaged": {"string_value": "1"},
    }
    if ms is not None:
        params["engagement_time_msec"] = {"int_value": str(ms)}
    return {
        "event_date": "20260501",
        "event_timestamp": str((START + seen.at + later) * 1_000_000),
        "event_name": name,
        "event_params": [{"key": key, "value": value} for key, value in params.items()],
        "user_pseudo_id": f"{seen.reader}.1777600000",
        "device": {"category": "mobile", "language": "de-de", "web_info": {"browser": "Chrome"}},
        "items": [],
    }


def ga4_events(log: Iterable[Seen] = LOG) -> list[dict[str, Any]]:
    """Return a view per page, and the event that tells how long it was read when the reader leaves it."""
    events = []
    for seen in log:
        events.append(ga4_event(seen))
        if seen.dwell:
            events.append(ga4_event(seen, "user_engagement", seen.dwell * 1_000, seen.dwell))
    return events


def write_ga4_json(path: Path, events: Sequence[dict[str, Any]]) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(event) + "\n" for event in events).encode()))
    return path


_KINDS = {"string": pa.string(), "int": pa.int64(), "float": pa.float64(), "double": pa.float64()}
_VALUE = pa.struct([(f"{name}_value", kind) for name, kind in _KINDS.items()])


def write_ga4_parquet(path: Path, events: Sequence[dict[str, Any]]) -> Path:
    """Write events as BigQuery writes them to Parquet: a repeated record is a list of structs."""
    schema = pa.schema(
        [
            ("event_date", pa.string()),
            ("event_timestamp", pa.int64()),
            ("event_name", pa.string()),
            ("event_params", pa.list_(pa.struct([("key", pa.string()), ("value", _VALUE)]))),
            ("user_pseudo_id", pa.string()),
        ]
    )
    rows = [{name: event[name] for name in schema.names} for event in json.loads(json.dumps(events))]
    for row in rows:
        row["event_timestamp"] = int(row["event_timestamp"])
        for param in row["event_params"]:
            if "int_value" in param["value"]:
                param["value"]["int_value"] = int(param["value"]["int_value"])
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


def matomo_visits(log: Iterable[Seen] = LOG) -> list[dict[str, Any]]:
    """Return visits as `Live.getLastVisitsDetails` has them in JSON."""
    visits: dict[tuple[str, int], dict[str, Any]] = {}
    for seen in log:
        visit = visits.setdefault(
            (seen.reader, seen.session),
            {"idSite": "1", "idVisit": str(len(visits) + 1), "visitIp": "192.0.2.0", "visitorId": f"f00{seen.reader}",
             "actionDetails": [], "referrerType": "direct", "siteName": "Brot"},
        )  # fmt: skip
        action = {
            "type": "action",
            "url": SITE + seen.path,
            "pageTitle": seen.title,
            "pageIdAction": "12",
            "serverTimePretty": "1. Mai 2026 09:00:00",
            "timestamp": START + seen.at,
            "icon": None,
        }
        visit["actionDetails"].append(action | ({"timeSpent": seen.dwell} if seen.dwell else {}))
    return list(visits.values())


def matomo_csv(visits: Sequence[dict[str, Any]], separator: str = ",", translated: bool = False) -> str:
    """Return visits as Matomo's CSV: an action is flattened into columns, and values are quoted only where needed."""
    rows = []
    for visit in visits:
        row = {name: str(value) for name, value in visit.items() if name != "actionDetails"}
        for number, action in enumerate(visit["actionDetails"]):
            for name, value in action.items():
                column = f"{name} (actionDetails {number})" if translated else f"actionDetails_{number}_{name}"
                row[column] = "" if value is None else str(value)
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([row.get(name, "") for name in names] for row in rows)]
    return "\n".join(separator.join(_quoted(value, separator) for value in line) for line in lines)


def _quoted(value: str, separator: str) -> str:
    return '"' + value.replace('"', '""') + '"' if '"' in value or separator in value else value


def write_matomo_csv(path: Path, text: str) -> Path:
    path.write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    return path


def snowplow_event(seen: Seen, event: str = "page_view", later: int = 0, **fields: str) -> str:
    """Return one line of enriched TSV."""
    moment = START + seen.at + later
    clock = f"2026-05-01 09:{(moment - START) // 60:02}:{(moment - START) % 60:02}.250"
    row = dict.fromkeys(COLUMNS, "") | {
        "app_id": "brot", "platform": "web", "collector_tstamp": clock, "derived_tstamp": clock, "event": event,
        "event_name": event, "event_id": f"{seen.reader}-{seen.at}-{event}-{later}", "user_ipaddress": "192.0.2.0",
        "domain_userid": f"7b1c-{seen.reader}", "domain_sessionidx": str(seen.session),
        "domain_sessionid": f"9d2f-{seen.reader}-{seen.session}", "page_url": SITE + seen.path,
        "page_title": seen.title,
        "useragent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    } | fields  # fmt: skip
    return "\t".join(row[name] for name in COLUMNS)


def snowplow_lines(log: Iterable[Seen] = LOG, heartbeat: int = 5) -> list[str]:
    lines = []
    for seen in log:
        lines.append(snowplow_event(seen))
        lines += [
            snowplow_event(seen, "page_ping", later) for later in range(heartbeat, (seen.dwell or 0) + 1, heartbeat)
        ]
    return lines


PLAUSIBLE_PAGES = (
    '"date","hostname","page","visits","visitors","pageviews","total_scroll_depth","total_scroll_depth_visits"\n'
    '"2026-05-01","www.brot.example","/rezepte/sauerteig",1,1,1,80,1\n'
    '"2026-05-01","www.brot.example","/rezepte/roggenbrot",2,2,2,120,2\n'
    '"2026-05-02","www.brot.example","/rezepte/roggenbrot",1,1,1,60,1\n'
)


def write_plausible_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("imported_pages_20260501_20260502.csv", PLAUSIBLE_PAGES)
        archive.writestr(
            "imported_browsers_20260501_20260502.csv", '"date","browser","visitors"\n"2026-05-01","Firefox",3\n'
        )
    return path


def plausible_events(log: Iterable[Seen] = LOG) -> str:
    """Return rows of ClickHouse's `events_v2` as CSVWithNames."""
    lines = ['"timestamp","name","site_id","user_id","session_id","hostname","pathname","referrer","engagement_time"']
    for seen in log:
        clock = f"2026-05-01 09:{seen.at // 60:02}:{seen.at % 60:02}"
        row = [
            clock,
            "pageview",
            1,
            77,
            f"{seen.reader}{seen.session}",
            "www.brot.example",
            seen.path.partition("?")[0],
            "",
            0,
        ]
        lines.append(",".join(json.dumps(value) for value in row))
        if seen.dwell:
            row[1], row[-1] = "engagement", seen.dwell * 1000
            lines.append(",".join(json.dumps(value) for value in row))
    return "\n".join(lines) + "\n"


def html_page(title: str, text: str, head: str = "", language: str = "de") -> str:
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"><title>{title} | Brot</title>'
        f'<meta name="description" content="{title}: {text[:40]}">{head}</head>'
        f"<body><nav><a href='/'>Start</a></nav><article><h1>{title}</h1><p>{text}</p><p>{text}</p></article>"
        "</body></html>"
    )


def sitemap(entries: Iterable[str]) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        ' xmlns:xhtml="http://www.w3.org/1999/xhtml" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
        ' xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">\n' + "\n".join(entries) + "\n</urlset>\n"
    )


def entry(path: str, inside: str = "") -> str:
    return f"<url><loc>{SITE}{path}</loc>{inside}</url>"


def warc_response(
    url: str, body: bytes, content_type: str = "text/html; charset=utf-8", status: str = "200 OK", **headers: str
) -> bytes:
    """Return one record of a WARC as a crawler stores a response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    record = WarcRecord()
    record.init_headers(WarcRecordType.response)
    record.headers["WARC-Target-URI"] = url
    record.headers["Content-Type"] = "application/http; msgtype=response"
    record.set_bytes_content("\r\n".join([*lines, "", ""]).encode() + body)
    stream = io.BytesIO()
    record.write(stream)
    return stream.getvalue()


def write_warc(path: Path, records: Iterable[bytes]) -> Path:
    """Write a WARC with each record in a gzip member of its own, as is usual."""
    path.write_bytes(b"".join(map(gzip.compress, records)) if path.suffix == ".gz" else b"".join(records))
    return path
