"""Ordinary paragraphs in many languages: per language two pages on bread and two on football, as (title, snippet)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

Page = tuple[str, str]


class Paragraphs(NamedTuple):
    """Four pages in one language: the first two are related, and so are the last two."""

    bread: Page
    rye: Page
    football: Page
    goalkeeper: Page

    @property
    def related(self) -> list[tuple[Page, Page]]:
        """Pairs on the same subject."""
        return [(self.bread, self.rye), (self.football, self.goalkeeper)]

    @property
    def unrelated(self) -> list[tuple[Page, Page]]:
        """Pairs on different subjects."""
        return [(one, two) for one in (self.bread, self.rye) for two in (self.football, self.goalkeeper)]


def _read() -> dict[str, Paragraphs]:
    pages = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return {language: Paragraphs(*map(tuple, four)) for language, four in pages.items()}


PARAGRAPHS = _read()
