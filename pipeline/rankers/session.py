"""The step that trains the session network, and weighs it on held-out sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.log.runs import runs
from pipeline.log.order import decay_of
from pipeline.log.sessions import Sessions, sessions_of
from pipeline.log.split import ALL, PAST, split_of
from pipeline.log.withheld import withheld_pages
from pipeline.pages.page_ids import page_ids
from pipeline.rankers.held_out_lists import HELD_OUT, LEARNT, Recorded
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking.blend import Blend
from ranking.features import STAGE2
from ranking.lightgbm.peer import PEERS
from ranking.lightgbm.score import LightGbmScorer, start_file
from ranking.session import weigh
from ranking.session.config import HISTORY
from ranking.session.train import Examples, Followers, Trained, batches, train

_FOLLOWERS = 30
_MOST_STEPS = 2_000_000  # with their ways in memory: 400 MB; a sample of more
_LEAST = 1e-9  # deviation: a constant score has no order


def session(work: Work) -> dict[str, object]:
    """Train on the past and weigh the network on the label window's sessions; if it helps, train on all for serving.

    Without enough held-out steps, or without a gain on them, nothing is written.
    """
    config, since = work.config.session, split_of(work).get("labels_from")
    if since is None or not config.draws:
        return {"weight": 0.0, "why": "no log" if since is None else "turned off"}
    pages = page_ids(work)
    lists, steps = weighing(work, pages, since)
    if len(steps) < config.fewest_steps:
        return {"weight": 0.0, "steps": len(steps), "why": "too few held-out steps"}
    past = trained(work, pages, PAST, since)
    if past is None:
        return {"weight": 0.0, "steps": len(steps), "why": "too few steps to learn from"}
    chosen = weigh.choose(steps, past.scores, lists, work.config.seed)
    whole = trained(work, pages, ALL, None, past) if chosen.weight else None
    if chosen.weight and whole is None:
        return {"weight": 0.0, "steps": len(steps), "why": "too few steps to learn from"}
    if whole is not None:
        whole.save(work.directory)
        about = {"weight": chosen.weight, "counts_deviation": _counts_deviation(work)}
        (work.directory / "weight.json").write_text(json.dumps(about))
    return chosen.figures() | {"network": config.network, "curve": past.curve.thinned()}


STEP = Step(
    "session",
    session,
    after=("read", "counts", "order", "text", "pages", "stage2", "blend"),
    config=("session", "examples.most_withheld"),
)


def notes(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the manifest's note on readers' ways."""
    if figures["weight"]:
        yield (
            f"a reader's way counts {figures['weight']:g} beside z(stage 2): NDCG@5 {figures['ndcg_with']:.3f}, without"
            f" {figures['ndcg']:.3f}, on {figures['steps']:,} held-out steps"
        )


def weighing(work: Work, pages: NDArray[np.uint64], since: datetime) -> tuple[weigh.Lists, Examples]:
    """Return the lists and the steps of the label window's sessions that weigh a network.

    The lists are of pages that stage 2 has not learnt from or, where these have too few steps, of all.
    """
    config, sessions = work.config.session, sessions_of(work, since, None)
    lists, steps = _among(work, pages, sessions, HELD_OUT)
    if len(steps) < config.enough_steps:
        lists, steps = _among(work, pages, sessions, HELD_OUT, LEARNT)
    return lists, _sampled(steps, config.most_steps, work.config.seed)


def _among(work: Work, pages: NDArray[np.uint64], sessions: Sessions, *files: str) -> tuple[weigh.Lists, Examples]:
    """Return the lists in files of stage 2, with its scores as the blend takes them, and the steps to weigh by.

    Stage 2 has seen these very sessions on pages that it has learnt from: there it is better than it will be, and the
    network's gain looks smaller than it is. Of each page the first list counts, and only steps from then on, which
    it cannot have counted.
    """
    recorded = [Recorded.load(work.of("stage2") / file) for file in files]
    features, page, size, candidate, begin = (np.concatenate(column) for column in zip(*recorded, strict=True))
    ranker = LightGbmScorer.load("stage2", work.of("stage2") / "model.txt", STAGE2)
    scores = ranker.predict(features) if len(features) else np.empty(0, np.float32)
    blend = Blend.load(work.of("blend") / "blend.json")
    lowest = None if _counts_deviation(work) is None else -blend.stage2.mean / blend.stage2.deviation
    row, listed = (_rows(pages, each) for each in (page, candidate))
    begins = np.full(len(pages) + 1, np.inf)
    begins[row[::-1]] = begin[::-1]  # of a page's lists the first stays
    return weigh.Lists.of(row, size, listed, blend.stage2.z(scores), lowest), _steps(pages, sessions, begins)


def _counts_deviation(work: Work) -> float | None:
    """Return the deviation of stage 2's scores where they are an order of counts; None where trees make them."""
    model, scale = work.of("stage2") / "model.txt", Blend.load(work.of("blend") / "blend.json").stage2
    counts = start_file(model).read_text() in PEERS and not LightGbmScorer.load("stage2", model, STAGE2).trees
    return scale.deviation if counts and scale.deviation > _LEAST else None


def trained(
    work: Work, pages: NDArray[np.uint64], counts: str, until: datetime | None, start: Trained | None = None
) -> Trained | None:
    """Train on the steps before a time, or go on from `start`; None where there are too few.

    Pages whose past is hidden from the rankers are hidden from the network of the past too: it is weighed beside them.
    """
    config, seed = work.config.session, work.config.seed
    hidden = withheld_pages(work) if counts == PAST else np.empty(0, np.uint64)
    followers = _followers(work, pages, counts, hidden)
    came = sessions_of(work, None, until)
    known = ~np.isin(came.page, hidden)
    came = Sessions(came.session[known], came.page[known], came.time[known], came.place[known])
    examples = _sampled(followers.among(_steps(pages, came)), config.most_examples, seed)
    if len(examples) < config.batch:
        return None
    text = np.load(work.of("text") / "embeddings.npy", mmap_mode="r")
    clicks = np.load(work.of("pages") / counts / "facts.npy")["clicks_all"]  # in order of PageId, as all are
    clicks = np.where(np.isin(pages, hidden), 0, clicks)
    with progress(f"session network, {counts}", batches(config, len(examples), start is not None)) as advance:
        return train(pages, clicks, text, examples, followers, config, seed, advance, start)


def _steps(pages: NDArray[np.uint64], sessions: Sessions, begins: NDArray[np.float64] | None = None) -> Examples:
    """Return every step of the sessions that has a way behind it; of sets, the order of pages is as it was written.

    A page that is loaded again at once is one visit. Pages with an unknown one between them are no step, as in the
    counts on top of which the network learns. With `begins` (hours since 1970, by row) earlier steps are left out.
    """
    whole, page, place = sessions.session, sessions.page, sessions.place
    first = np.flatnonzero(np.append(True, (whole[1:] != whole[:-1]) | (page[1:] != page[:-1]))[: len(page)])
    last = np.append(first[1:], len(page))[: len(first)] - 1
    session, row = whole[first], _rows(pages, page[first])
    begin = np.concatenate([np.full(end - start, start) for start, end in runs(session)] or [row])
    at = np.flatnonzero((session[1:] == session[:-1]) & (place[first[1:]] == place[last[:-1]] + 1))
    at = at[at > begin[at]]
    if begins is not None:
        at = at[sessions.time[last[at]].astype("datetime64[s]").astype(np.int64) / 3600 >= begins[row[at]]]
    if len(at) > _MOST_STEPS:
        at = np.sort(np.random.default_rng(0).choice(at, _MOST_STEPS, replace=False, shuffle=False))
    before = at[:, None] - np.arange(HISTORY, 0, -1)
    history = np.where(before >= begin[at][:, None], row[np.maximum(before, 0)], 0)
    return Examples(session[at], row[at], history, row[at + 1])


def _sampled(steps: Examples, most: int, seed: int) -> Examples:
    return steps.take(np.sort(np.random.default_rng(seed).permutation(len(steps))[:most]))


def _followers(work: Work, pages: NDArray[np.uint64], counts: str, hidden: NDArray[np.uint64]) -> Followers:
    """Return the pages, but hidden ones, that readers went to most after each page or, of sets, read with it."""
    name = "together_all" if decay_of(work) is None else "next_all"
    columns = ["page1", "page2", name]
    table = pq.read_table(work.of("counts") / counts / "evidence.parquet", columns=columns, filters=pc.field(name) > 0)
    table = table.sort_by([("page1", "ascending"), (name, "descending"), ("page2", "ascending")])
    page1, page2, count = (table[column].to_numpy() for column in columns)
    shown = ~(np.isin(page1, hidden) | np.isin(page2, hidden))
    page1, page2, count = page1[shown], page2[shown], count[shown]
    place = np.concatenate([np.arange(end - start) for start, end in runs(page1)] or [np.empty(0, np.int64)])
    best = place < _FOLLOWERS
    at = _rows(pages, page1[best]), place[best]
    shape = (len(pages) + 1, _FOLLOWERS)
    followers, counted = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    followers[at], counted[at] = _rows(pages, page2[best]), count[best]
    return Followers(followers, counted)


def _rows(pages: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the rows of known pages: the first has row 1."""
    return np.searchsorted(pages, wanted) + 1
