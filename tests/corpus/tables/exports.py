"""Exports of a few clicks, and the tables that the reader made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from corpus.tables.reader import read
from corpus.tables.report import Report, TableReport

URLS = [f"https://e.example/{i}" for i in range(5)]
NINE = datetime(2026, 5, 1, 9, tzinfo=UTC)
CLICKS = [(f"s{i}", URLS[i % 5], NINE + timedelta(minutes=i)) for i in range(10)]
PAGES = "url,title,snippet\n" + "".join(f"{url},Page,About\n" for url in URLS)


def export(time: Callable[[datetime], object] = datetime.isoformat, separator: str = ",", header: str = "") -> str:
    rows = [(session, url, str(time(at))) for session, url, at in CLICKS]
    lines = [header or separator.join(("session", "url", "time")), *map(separator.join, rows)]
    return "\n".join(lines) + "\n"


def read_clicks(tmp_path: Path, name: str = "clicks.csv", content: str | bytes = "", pages: str = PAGES) -> TableReport:
    return outcome(tmp_path, {name: content}, pages).tables["clicks"]


def outcome(tmp_path: Path, files: dict[str, str | bytes], pages: str = PAGES) -> Report:
    for name, content in {"pages.csv": pages, **files}.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(tmp_path / "data", tmp_path / "out")


def table(tmp_path: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(tmp_path / "out" / f"{name}.parquet").to_pylist()
    return rows


def accounted(part: TableReport) -> int:
    return part.kept + part.later + part.reloads + sum(rows.count for rows in part.rejected.values())


JSON = "".join(json.dumps({"session": s, "url": u, "time": t.isoformat()}) + "\n" for s, u, t in CLICKS)
CSV = export()
