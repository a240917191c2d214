"""Without a log a ranker must beat the order of text on held-out truth; otherwise that order ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cascade.types import Candidates, Query
from pipeline.log.events import half_of
from pipeline.pages.page_ids import page_ids
from pipeline.rankers.peer import HeldOut
from pipeline.rankers.snapshot import snapshot
from pipeline.rankers.training import collect_examples
from pipeline.runner.work import Work
from ranking.event import Event
from ranking.examples import GroupWriter
from ranking.lightgbm import train as lightgbm
from ranking.lightgbm.peer import Comparison, compare
from ranking.lightgbm.references import TEXT_ORDER, hidden
from ranking.lightgbm.score import LightGbmScorer, start_file
from recall.related.config import RelatedConfig
from recall.related.row import read
from store.tables import LmdbTable

REFERENCES, LABELS = "references", "labels"
_PAGES = 500  # whose references are the truth


def above_the_text(work: Work, held_out: HeldOut, names: tuple[str, ...], *further: str) -> dict[str, object]:
    """Compare models with the order of text, and replace them (and `further` models) unless they are above it.

    `held_out` has the groups of each half of the pages, and the model that did not learn from that half. The truth is
    labels of people or of a language model; where there are none, which pages name or link which: the rubric's labels
    are an order of text themselves and prove nothing.
    """
    scorers = [LightGbmScorer.load(file, work.directory / file, names) for _, file in held_out]
    found, truth = None, REFERENCES
    if all(scorer.trees for scorer in scorers):
        parts = [groups for groups, _ in held_out]
        if judged_by_rubric(work):
            parts = [hidden(part, names, _weights(work)) if part else None for part in _references(work, names)]
        else:
            truth = LABELS
        found = _compared(work, parts, scorers, names)
    figures: dict[str, object] = {}
    if found is not None:
        figures = {"peer_of_text": {**found.figures(), "truth": truth}}
    if found is not None and found.above:
        return figures
    for file in (*(file for _, file in held_out), *further):
        lightgbm.write_untrained(names, work.directory / file)
        start_file(work.directory / file).write_text(TEXT_ORDER)
    return {**figures, "text_order": True, "trees": 0}


def by_text(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the manifest's notes on the order of text, and on the ranker that it was compared with."""
    order = "candidates are ordered by their text (words, names and the encoder's cosines)"
    if compared := figures.get("peer_of_text"):
        truth = compared["truth"]
        found = Comparison(**{name: value for name, value in compared.items() if name != "truth"})
        said = (
            f"NDCG@5 {found.ranker:.3f} and {found.peer:.3f} on held-out {truth} of {found.groups} pages, "
            f"difference {found.low:.3f} to {found.high:.3f}"
        )
        if figures.get("text_order"):
            yield f"stage 1 does not beat the order of text ({said}): {order}"
        else:
            yield f"stage 1 beats the order of text ({said})"
    elif figures.get("text_order"):
        yield f"stage 1 learnt nothing: {order}"


def _compared(
    work: Work, parts: list[lightgbm.Groups | None], scorers: list[LightGbmScorer], names: tuple[str, ...]
) -> Comparison | None:
    both = [(part, scorer) for part, scorer in zip(parts, scorers, strict=True) if part is not None]
    joined = lightgbm.joined([part for part, _ in both])
    if joined is None:
        return None
    scores = np.concatenate([scorer.predict(part.features) for part, scorer in both])
    return compare(joined, scores, names, work.config.seed, TEXT_ORDER)


def judged_by_rubric(work: Work) -> bool:
    """Return whether no label is of people or of a language model."""
    source = pq.read_table(work.of("labels") / "labels.parquet", columns=["source"])["source"]
    return not pc.any(pc.not_equal(source, "rubric")).as_py()


def _weights(work: Work) -> Any:
    return work.config.section(RelatedConfig).weights


def _references(work: Work, names: tuple[str, ...]) -> list[lightgbm.Groups | None]:
    """Return groups of each half of the pages: the pages that a page names or links, and other candidates."""
    events = list(_named(work))
    writers = [GroupWriter(work.config.examples.negatives, work.config.seed + half) for half in (0, 1)]
    with snapshot(work) as past:
        collect_examples(
            work, past, events, names, _all_of, lambda page: writers[half_of(page)], "examples from references"
        )
    return [writer.groups() for writer in writers]


def _named(work: Work) -> Iterator[Event]:
    table = LmdbTable(work.of("related") / "related.lmdb")
    pages = np.random.default_rng(work.config.seed).permutation(page_ids(work))
    found = 0
    for page in pages.tolist():
        (row,) = table.read(np.array([page], np.uint64))
        neighbours = read(row or b"")
        named = neighbours["page"][neighbours["related_mentions"] > 0].astype(np.uint64)
        if len(named):
            yield Event(page, named, np.ones(len(named), np.float32), None)
            found += 1
        if found == _PAGES:
            break
    table.close()


async def _all_of(query: Query, candidates: Candidates) -> Candidates:
    return candidates
