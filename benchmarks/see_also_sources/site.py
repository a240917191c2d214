"""A site whose authors say which pages belong together: pages, and the links of their "see also" sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Page:
    """A page without its "see also" section."""

    title: str
    snippet: str
    body: str


@dataclass(frozen=True, slots=True)
class Site:
    """Pages by URL, and the pages of the same site that their authors refer to, in the authors' order."""

    pages: Mapping[str, Page]
    truth: Mapping[str, list[str]]
    language: str

    def write(self, out: Path, body: bool = True) -> None:
        """Write Onward's input table of pages; the truth is not in it."""
        out.mkdir(parents=True, exist_ok=True)
        columns = {name: [getattr(page, name) for page in self.pages.values()] for name in ("title", "snippet", "body")}
        if not body:
            del columns["body"]
        language = [self.language] * len(self.pages)
        pq.write_table(pa.table({"url": list(self.pages), **columns, "language": language}), out / "pages.parquet")
