"""Measures rankings against a truth: RecoDCG, quality-filtered satisfied ClickNDCG, expected CTR."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.held_out import HeldOut, Impression
from evaluation.metrics.bootstrap import Interval, difference, interval
from evaluation.metrics.clicks import SATISFIED_S, SCALE, satisfied, worth_keeping
from evaluation.metrics.ndcg import RECALL_AT, TOP, click_ndcg, ranks
from evaluation.metrics.reco_dcg import PLACES, reco_dcg
from evaluation.truth import Truth

Lists = Mapping[str, NDArray[np.uint64]]

RECO = f"reco_dcg_at_{TOP}"
SATISFIED = f"satisfied_click_ndcg_at_{TOP}"
FILTERED = f"filtered_click_ndcg_at_{TOP}"
CTR = "expected_ctr"

#: With 60 of them the mean is known to 5 %, and a choice based on them is essentially random.
MIN_RANDOM_IMPRESSIONS = 1_000


@dataclass(frozen=True, slots=True)
class ClickRules:
    """Which impressions a click metric uses. A rule of the paper is dropped if the log lacks the data for it."""

    random_only: bool  # only impressions in random order, whose clicks are not biased by a ranker
    timed: bool  # a click counts only if the reader stayed; without dwell times every click counts
    threshold_s: float = SATISFIED_S

    @classmethod
    def of(cls, held_out: HeldOut, threshold_s: float = SATISFIED_S) -> ClickRules:
        """Return the paper's rules, without those for which the log lacks dwell times or random impressions."""
        every = [shown for impressions in held_out.impressions.values() for shown in impressions]
        timed = any(not np.isnan(shown.dwell_s).all() for shown in every)
        paper = cls(True, timed, threshold_s)
        usable = sum(paper.clicked(shown) is not None for shown in every)
        return replace(paper, random_only=usable >= MIN_RANDOM_IMPRESSIONS)

    def clicked(self, shown: Impression) -> NDArray[np.bool_] | None:
        """Return the clicks of an impression that count; None if the impression is not used."""
        counted = satisfied(shown.clicked, shown.dwell_s, self.threshold_s) if self.timed else shown.clicked
        return counted if counted.any() and (shown.random or not self.random_only) else None


@dataclass(slots=True)
class _Rows:
    """Measurements of one ranking: one row per page requested, and one per impression."""

    quality: list[NDArray[np.float64]] = field(default_factory=list)  # by position of the answer; 0 for empty positions
    listed: list[int] = field(default_factory=list)
    ctr: list[float] = field(default_factory=list)
    ndcg: list[float] = field(default_factory=list)


@dataclass(slots=True)
class AnswerQuality:
    """Collects, page by page, the quality of each ranking's answers."""

    truth: Truth
    rules: ClickRules
    pages: Collection[int] | None = None  # that are measured; None: every page that is added
    _rows: dict[str, _Rows] = field(default_factory=dict)
    _asked: list[int] = field(default_factory=list)
    _page: list[int] = field(default_factory=list)  # of each impression that is used
    _kept: list[bool] = field(default_factory=list)  # whether the impression passes the quality filter
    judged: int = 0  # pages with at least one answer of known quality
    unknown: int = 0  # impressions left out of the filtered metric: the quality of a clicked page is unknown

    def add(self, page: int, answers: Lists, rankings: Lists, impressions: Sequence[Impression]) -> None:
        """Add one page: each ranking's answer (at most five pages), and its ranking of the pages shown."""
        if self.pages is not None and page not in self.pages:
            return
        self._asked.append(page)
        self.judged += any((~np.isnan(self.truth.quality(page, answer[:TOP]))).any() for answer in answers.values())
        counted = [(shown, clicked) for shown in impressions if (clicked := self.rules.clicked(shown)) is not None]
        for shown, clicked in counted:
            kept = worth_keeping(clicked, self.truth.quality(page, shown.shown))
            self.unknown += kept is None
            self._page.append(page)
            self._kept.append(bool(kept))
        for name, answer in answers.items():
            rows = self._rows.setdefault(name, _Rows())
            quality = np.zeros(TOP)
            quality[: len(answer)] = self.truth.quality(page, answer[:TOP])
            rows.quality.append(quality)
            rows.listed.append(min(len(answer), TOP))
            rows.ctr.append(self.truth.click_chance(page, answer[:TOP]))
            best = rankings[name][:RECALL_AT] if counted else answer
            rows.ndcg += [SCALE * click_ndcg(ranks(best, shown.shown), clicked) for shown, clicked in counted]

    def figures(self, metrics: Sequence[str] | None = None) -> dict[str, dict[str, Interval]]:
        """Return the metrics (None: all) of every ranking, each with its bootstrap interval over pages."""
        return {name: dict(self._intervals(rows, metrics)) for name, rows in self._rows.items()}

    def _intervals(self, rows: _Rows, metrics: Sequence[str] | None) -> Iterator[tuple[str, Interval]]:
        page = np.array(self._page, np.uint64)
        for metric, (values, each_shown) in self._values(rows).items():
            if metrics is None or metric in metrics:
                yield metric, interval(values, page if each_shown else None)

    def summary(self) -> dict[str, str | int | bool | float]:
        """Return the data that the figures are based on."""
        return {
            "source": self.truth.name,
            "measured_pages": len(self._asked),
            "judged_pages": self.judged,
            "impressions": len(self._page),
            "kept_impressions": sum(self._kept),
            "unknown_impressions": self.unknown,
            "random_only": self.rules.random_only,
            "satisfied_s": self.rules.threshold_s if self.rules.timed else 0.0,
        }

    def against(self, treatment: str, control: str, metric: str) -> Interval:
        """Return the difference of two rankings in one metric, paired by page."""
        ours, each_shown = self._values(self._rows[treatment])[metric]
        theirs, _ = self._values(self._rows[control])[metric]
        return difference(ours, theirs, np.array(self._page, np.uint64) if each_shown else None)

    def values(self, metrics: Sequence[str]) -> Iterator[tuple[str, str, NDArray[np.float64], NDArray[np.uint64]]]:
        """Yield ranking, metric, its values (NaN: not counted) and the page of each, to pool with other runs."""
        asked, page = np.array(self._asked, np.uint64), np.array(self._page, np.uint64)
        for name, rows in self._rows.items():
            for metric, (values, each_shown) in self._values(rows).items():
                if metric in metrics:
                    yield name, metric, values, page if each_shown else asked

    def _values(self, rows: _Rows) -> dict[str, tuple[NDArray[np.float64], bool]]:
        """Return each metric's values, and whether there is one per impression (else one per page)."""
        quality, ndcg = np.array(rows.quality), np.array(rows.ndcg)
        places = np.arange(TOP) < np.array(rows.listed)[:, None]
        judged = np.where(places, ~np.isnan(quality), np.nan)
        with np.errstate(invalid="ignore"):
            share = np.nansum(judged, axis=1) / places.sum(axis=1)  # 0 / 0 of an empty answer: not counted
        return {
            **{f"reco_dcg_at_{k}": (reco_dcg(quality, k), False) for k in PLACES},
            FILTERED: (np.where(np.array(self._kept, np.bool_), ndcg, np.nan), True),
            SATISFIED: (ndcg, True),
            CTR: (np.array(rows.ctr), False),
            f"judged_at_{TOP}": (share, False),
        }
