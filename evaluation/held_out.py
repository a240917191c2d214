"""Held-out data from a later log: pages with the next pages that readers visited, and impressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.label_split import Role, is_training, roles
from corpus.log.runs import all_pairs, runs, steps
from corpus.tables.reader import read
from corpus.tables.report import Report
from corpus.tables.sessions import SESSIONS, Sessions
from corpus.urls.url_rules import RULES, UrlRules
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.clicks import click_through_rate
from store.page_row import read_text
from store.tables import LmdbTable


class Targets(StrEnum):
    """The pages that a held-out session wants on each of its pages."""

    NEXT = "next"  # the next one
    SESSION = "session"  # all others, before and after, each once


@dataclass(frozen=True, slots=True)
class Impression:
    """The pages shown on a page, in logged order, and which were clicked."""

    shown: NDArray[np.uint64]
    clicked: NDArray[np.bool_]
    dwell_s: NDArray[np.float32]  # NaN if unknown
    random: bool = False  # shown in random order, to explore


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The targets of every held-out session, and every held-out impression with a click, by page."""

    steps: Mapping[int, NDArray[np.uint64]]  # page -> wanted pages, with repetitions
    impressions: Mapping[int, list[Impression]]
    report: Report
    click_through_rate: Interval  # of all held-out impressions, with and without clicks; that of the logged ranker

    @property
    def pages(self) -> list[int]:
        """All pages to request."""
        return sorted(self.steps.keys() | self.impressions.keys())

    def sample(self, most: int, seed: int) -> HeldOut:
        """Return the log of at most `most` pages, drawn at random."""
        return self.only(self._shuffled(seed)[:most])

    def halves(self, seed: int) -> tuple[HeldOut, HeldOut]:
        """Return the logs of two disjoint random halves of the pages."""
        chosen = self._shuffled(seed)
        return self.only(chosen[::2]), self.only(chosen[1::2])

    def of_role(self, role: Role, held_out_share: float, seed: int) -> HeldOut:
        """Return the log of the pages for choosing, or of those for reporting.

        If every page was used in training (`held_out_share` is 0), the pages are split in random halves: choices are
        still measured on other pages.
        """
        if not held_out_share:
            return self.halves(seed)[role == Role.TEST]
        pages = np.array(self.pages, np.uint64)
        chosen: list[int] = pages[roles(pages, held_out_share) == role].tolist()
        return self.only(chosen)

    def reporting(self, held_out_share: float) -> HeldOut:
        """Return the log of the pages for reporting; all of it if every page was used in training."""
        return self.of_role(Role.TEST, held_out_share, 0) if held_out_share else self

    def untaught(self, held_out_share: float) -> HeldOut:
        """Return the log of the pages whose labels were not used in training; all of it if none were held out."""
        pages = np.array(self.pages, np.uint64)
        chosen: list[int] = pages[~is_training(pages, held_out_share)].tolist()
        return self.only(chosen) if held_out_share else self

    def only(self, chosen: Sequence[int]) -> HeldOut:
        """Return the log of these pages."""
        steps = {page: self.steps[page] for page in chosen if page in self.steps}
        return replace(self, steps=steps, impressions={p: self.impressions[p] for p in chosen if p in self.impressions})

    def _shuffled(self, seed: int) -> list[int]:
        shuffled: list[int] = np.random.default_rng(seed).permutation(np.array(self.pages, np.uint64)).tolist()
        return shuffled


def read_held_out(
    pages: LmdbTable,
    clicks: Path,
    impressions: Path | None,
    since: datetime | None,
    until: datetime | None,
    rules: UrlRules = RULES,
    sessions: Sessions = SESSIONS,
    targets: Targets = Targets.NEXT,
) -> HeldOut:
    """Read held-out input tables against the pages of a bundle; rows of other pages are counted in the report.

    Sessions that began, and impressions shown, at or after `since` count; rows at or after `until` do not.
    `rules` and `sessions` must be those of the bundle's build.
    """
    with TemporaryDirectory(prefix="onward-held-out-") as name:
        directory = Path(name)
        write_pages(pages, directory / "bundle.parquet")
        files = {"pages": directory / "bundle.parquet", "clicks": clicks}
        if impressions is not None:
            files["impressions"] = impressions
        report = read(files, directory, until, rules, sessions)
        shown, rate = _impressions(directory / "impressions.parquet", since)
        return HeldOut(_wanted(directory / "clicks.parquet", since, targets), shown, report, rate)


def write_pages(pages: LmdbTable, path: Path) -> None:
    """Write the pages of a bundle as an input table, for the reader to check other tables against."""
    texts = [read_text(row) for _, row in pages.items()]
    columns = {name: [getattr(text, name) for text in texts] for name in ("url", "title", "snippet", "language")}
    columns["title"] = [title or "-" for title in columns["title"]]
    pq.write_table(pa.table(columns), path)


def _wanted(path: Path, since: datetime | None, targets: Targets) -> dict[int, NDArray[np.uint64]]:
    table = pq.read_table(path, columns=["session", "page", "time", "step"])
    session, page, time, place = (table[name].to_numpy() for name in ("session", "page", "time", "step"))
    began = time.copy()
    for start, end in runs(session):
        began[start:end] = time[start]
    late = np.ones(len(page), bool) if since is None else began >= np.datetime64(since.replace(tzinfo=None), "us")
    if targets == Targets.SESSION:
        return _grouped(*all_pairs(session[late], page[late]))
    step = steps(session, page, place) & late[1:]
    return _grouped(page[:-1][step], page[1:][step])


def _impressions(path: Path, since: datetime | None) -> tuple[dict[int, list[Impression]], Interval]:
    """Return the impressions with a click by page, and the click-through rate of all."""
    table = pq.read_table(path, filters=None if since is None else pc.field("time") >= since)
    table = table.filter(pc.not_equal(table["page1"], table["page2"]))  # no answer contains its own page
    table = table.sort_by([("impression", "ascending"), ("position", "ascending")])
    names = ("impression", "page1", "page2", "clicked", "dwell_s", "random")
    impression, page1, page2, clicked, dwell, random = (table[name].to_numpy() for name in names)
    found: dict[int, list[Impression]] = {}
    for start, end in runs(impression):
        if clicked[start:end].any():
            part = slice(start, end)
            shown = Impression(page2[part], clicked[part], dwell[part], bool(random[start]))
            found.setdefault(int(page1[start]), []).append(shown)
    return found, click_through_rate(impression, clicked)


def _grouped(page: NDArray[np.uint64], target: NDArray[np.uint64]) -> dict[int, NDArray[np.uint64]]:
    order = np.argsort(page, kind="stable")
    page, target = page[order], target[order]
    return {int(page[start]): target[start:end] for start, end in runs(page)}
