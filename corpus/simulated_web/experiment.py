"""Simulated experiments on a simulated web: readers who come back see their arm's lists, and their events are logged.

An arm ranks the earlier recommender's candidates by their attraction, seen through noise: the less noise, the more
clicks. So the true click rates of an arm can be computed. Readers differ in how readily they click.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.events.schema import SCHEMA
from corpus.simulated_web.pages import Index, Web
from corpus.simulated_web.quality import attraction, examination
from corpus.simulated_web.readers import Readers
from corpus.simulated_web.text import urls

BEGIN = 1_782_864_000_000_000  # 2026-07-01, in microseconds
DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Habits:
    """How simulated readers behave; the parameters are not those of any real site."""

    visits: float = 4.0  # per reader over all days, on average; geometric
    spread: float = 0.5  # standard deviation of the log of a reader's readiness to click
    days: int = 14


@dataclass(frozen=True, slots=True)
class Site:
    """Pages that readers visit, with the probability of each, and their numbers in the web."""

    web: Web
    pages: Index
    share: NDArray[np.float64]
    url: NDArray[np.object_]  # of every page of the web

    def ranked(self, noise: float, shown: int, seed: int) -> Index:
        """Return the list of each page (pages, shown), ranked by attraction seen through noise; -1 for gaps."""
        listed = Readers(self.web).listed(self.pages)
        known = np.maximum(listed, 0)
        blur = np.exp(noise * np.random.default_rng([self.web.seed, 4, seed]).normal(size=listed.shape))
        seen = np.where(listed < 0, -1.0, attraction(self.web, self.pages[:, None], known) * blur)
        return np.take_along_axis(listed, np.argsort(-seen, axis=1, kind="stable")[:, :shown], axis=1)

    def chances(self, lists: Index) -> NDArray[np.float64]:
        """Return the probability of a click on each position by a reader of average readiness (pages, shown)."""
        attracted = attraction(self.web, self.pages[:, None], np.maximum(lists, 0))
        return np.where(lists < 0, 0.0, examination(self.web, lists.shape[1]) * attracted)


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits of readers, one row each."""

    unit: Index
    time: Index  # microseconds since 1970
    page: Index  # place in the site
    readiness: NDArray[np.float64]  # of the reader


def site(web: Web, pages: int, seed: int) -> Site:
    """Return `pages` pages of the web, drawn by popularity, to be visited with that probability."""
    rng = np.random.default_rng([web.seed, 3, seed])
    weight = web.popularity / web.popularity.sum()
    chosen = np.sort(rng.choice(len(web), pages, replace=False, p=weight))
    every = np.array(urls(web, np.arange(len(web))).to_pylist(), object)
    return Site(web, chosen, weight[chosen] / weight[chosen].sum(), every)


def readers(units: int, habits: Habits, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how readily each of `units` readers clicks: a factor on click probabilities, 1 on average."""
    return rng.lognormal(-(habits.spread**2) / 2, habits.spread, units)


def visits(
    of: Site, readiness: NDArray[np.float64], habits: Habits, rng: np.random.Generator, begin: int = BEGIN
) -> Visits:
    """Return the visits of readers, in the order of time."""
    unit = np.repeat(np.arange(len(readiness)), rng.geometric(1 / habits.visits, len(readiness)))
    time = begin + (rng.random(len(unit)) * habits.days * DAY).astype(np.int64)
    order = np.argsort(time)
    page = rng.choice(len(of.pages), len(unit), p=of.share)
    return Visits(unit[order], time[order], page[order], readiness[unit[order]])


def rates(of: Site, lists: Index, habits: Habits) -> tuple[float, float]:
    """Return the true clicks per answer and CTR of an arm: the expectation over pages and readers."""
    node, weight = np.polynomial.hermite_e.hermegauss(60)
    readiness = np.exp(habits.spread * node - habits.spread**2 / 2)
    clicked = np.minimum(readiness[:, None, None] * of.chances(lists)[None], 1.0)  # (nodes, pages, positions)
    share = (weight / weight.sum())[:, None] * of.share[None, :]
    return float((share * clicked.sum(axis=2)).sum()), float((share * (1 - np.prod(1 - clicked, axis=2))).sum())


def unit_names(units: Index) -> NDArray[np.object_]:
    """Return the readers as logs name them."""
    return np.array([f"reader-{unit}" for unit in units.tolist()], object)


def events(
    of: Site,
    seen: Visits,
    arms: Mapping[str, Index],
    arm: Sequence[str],
    rng: np.random.Generator,
    experiment: str | None,
) -> pa.Table:
    """Return the events of visits: an impression each, and a click per clicked position.

    `arms` are lists by arm; `arm` names the one that each visit sees. `experiment` is None before it began.
    """
    names = list(arms)
    number = np.array([names.index(name) for name in arm])
    lists = np.stack([arms[name] for name in names])[number, seen.page]
    chance = np.stack([of.chances(arms[name]) for name in names])[number, seen.page]
    row, place = np.nonzero(rng.random(chance.shape) < np.minimum(seen.readiness[:, None] * chance, 1.0))
    shown = {
        "time": seen.time,
        "impression_id": np.array([f"{experiment}-{time}-{i}" for i, time in enumerate(seen.time.tolist())], object),
        "unit": unit_names(seen.unit),
        "arm": np.array(arm, object),
        "url1": of.url[of.pages[seen.page]],
    }
    clicks = {name: column[row] for name, column in shown.items()}
    clicks["time"] = clicks["time"] + 5_000_000  # five seconds later
    columns = {name: np.concatenate([column, clicks[name]]) for name, column in shown.items()}
    count = len(lists) + len(row)
    shown_urls = _addresses(of, lists)
    values = {
        **columns,
        "event_id": [f"{experiment}-{i}" for i in range(count)],
        "kind": ["impression"] * len(lists) + ["click"] * len(row),
        "answer_id": columns["impression_id"],
        "bundle": ["simulated"] * count,
        "received": columns["time"],
        "experiment": [experiment or ""] * count,
        "arm": columns["arm"] if experiment else [""] * count,
        "urls": shown_urls + [shown_urls[i] for i in row],
        "position": [None] * len(lists) + (place + 1).tolist(),
        "url2": [None] * len(lists) + [shown_urls[i][j] for i, j in zip(row, place, strict=True)],
    }
    fields = {field.name: pa.array(values.get(field.name, [None] * count), field.type) for field in SCHEMA}
    return pa.table(fields, schema=SCHEMA)


def _addresses(of: Site, lists: Index) -> list[list[str]]:
    """Return the URLs of lists, without gaps at their ends."""
    return [[url for url, page in zip(urls, pages, strict=True) if page >= 0]
            for urls, pages in zip(of.url[np.maximum(lists, 0)].tolist(), lists.tolist(), strict=True)]  # fmt: skip
