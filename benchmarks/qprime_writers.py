"""Compares query writers on some pages of a finished build: form, queries per page, and what the queries find.

python -m benchmarks.qprime_writers WORK --clicks clicks.parquet --pages 100 --out OUT [--prompts queries,queries_short]
    [--causal model.gguf] [--truth web.parquet] [--against kept.parquet]

WORK is the work directory of a build with the default writer. The language model is that of ONWARD_LLM_*, if set.
Pages are drawn at random among those that readers left for another page. Found pages are filtered and judged as in
the build. `recall@30` is the share of readers' next pages that the queries found, `quality` the rubric's mean over
the five best pages found (an empty place is 0), `RecoDCG@5` theirs by the truth of a simulated web (--truth). With
--against, a file of another run's queries, `overlap` is the mean over queries of the share of words that a query has in
common with the closest one for the same page there. Intervals resample pages.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.simulated_web import truth as simulated_web
from evaluation.metrics.bootstrap import difference, interval
from evaluation.metrics.reco_dcg import reco_dcg
from evaluation.truth import SimulatedTruth, Truth
from pipeline.config import BuildConfig
from pipeline.labels.rubric_judge import PairJudge
from pipeline.runner.work import Work
from prompting.endpoint import read_endpoint
from prompting.query_prompt import load_query_prompt
from recall.qprime.build import BuiltRow, build, query_pages
from recall.qprime.config import QueryFilters
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.queries.filters import filtered
from recall.qprime.queries.written import WrittenReader, read_queries, write_queries
from recall.qprime.queries.written_for import WrittenFor
from recall.qprime.row import read
from recall.qprime.search_results import PageFacts
from recall.qprime.writers.information_need import InformationNeedWriter
from recall.qprime.writers.key_phrases import KeyPhraseWriter
from recall.qprime.writers.llm import LlmQueryWriter
from recall.qprime.writers.writer import QueryWriter

BATCH, TOP = 4, 5


@dataclass(frozen=True, slots=True)
class Site:
    """The pages of a build and what their readers opened next."""

    work: Work
    pages: Path
    truth: dict[int, Counter[int]]  # page -> next page -> readers
    web: Truth | None  # how good pages truly are


def main() -> None:
    """Write figures.json and, per writer, its first pages with their queries; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--clicks", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--prompts", default="queries", help="of the language model, as qprime.prompt")
    parser.add_argument("--causal", help="for the information-need writer: a directory or a GGUF file")
    parser.add_argument("--truth", type=Path, help="a simulated web's web.parquet")
    parser.add_argument("--against", type=Path, help="queries of another run")
    parser.add_argument("--among", type=Path, help="a table of pages: draw among these")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    pages = options.work / "read" / "pages.parquet"
    web = None if options.truth is None else SimulatedTruth(*simulated_web.read(options.truth))
    site = Site(Work(BuildConfig(), options.out, options.work), pages, _truth(pages, options.clicks), web)
    chosen = _chosen(site, options.pages, options.seed, options.among)
    pq.write_table(chosen, options.out / "pages.parquet")
    figures, found = {}, {}
    for name, writer in _writers(site, options.prompts.split(","), options.causal).items():
        figures[name], found[name] = _measured(site, chosen, name, writer, options.out)
        if options.against is not None:
            figures[name]["overlap"] = _overlap(options.out / f"{_stem(name)}.parquet", options.against)
    for name, values in found.items():
        if name != "key_phrases":
            base = found["key_phrases"]
            change = {what: difference(values[what], base[what]).as_dict() for what in values}
            figures[name]["against key_phrases"] = change
    (options.out / "figures.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))


def _truth(pages: Path, clicks: Path) -> dict[int, Counter[int]]:
    """Return the steps of sessions between different known pages."""
    table = pq.read_table(pages, columns=["page", "url"])
    page_of = dict(zip(table["url"].to_pylist(), table["page"].to_pylist(), strict=True))
    log = pq.read_table(clicks, columns=["session", "url", "time"])
    log = log.sort_by([("session", "ascending"), ("time", "ascending")])
    sessions, at = log["session"].to_pylist(), [page_of.get(url) for url in log["url"].to_pylist()]
    steps: dict[int, Counter[int]] = {}
    for place in range(1, len(at)):
        before, after = at[place - 1], at[place]
        if sessions[place] == sessions[place - 1] and before is not None and after is not None and before != after:
            steps.setdefault(before, Counter())[after] += 1
    return steps


def _chosen(site: Site, count: int, seed: int, among: Path | None) -> pa.Table:
    table = pq.read_table(site.pages)
    left = np.array([page in site.truth for page in table["page"].to_pylist()])
    if among is not None:
        left &= np.isin(table["page"].to_numpy(), pq.read_table(among, columns=["page"])["page"].to_numpy())
    rows = np.flatnonzero(left)
    drawn = np.random.default_rng(seed).permutation(rows)[:count]
    return table.take(np.sort(drawn))


def _writers(site: Site, prompts: list[str], causal: str | None) -> dict[str, QueryWriter]:
    every = (page for batch in query_pages(site.pages) for page in batch)
    writers: dict[str, QueryWriter] = {"key_phrases": KeyPhraseWriter.fit(every)}
    if (endpoint := read_endpoint()) is not None:
        for prompt in prompts:
            writers[f"llm {endpoint.model} {prompt}"] = LlmQueryWriter(endpoint, load_query_prompt(prompt))
    if causal is not None:
        writers["information_need"] = InformationNeedWriter.load(causal)
    return writers


def _measured(
    site: Site, chosen: pa.Table, name: str, writer: QueryWriter, out: Path
) -> tuple[dict[str, object], dict[str, NDArray[np.float64]]]:
    stem = _stem(name)
    written, kept = out / f"{stem}.written.parquet", out / f"{stem}.parquet"
    parts = out / f"{stem}.parts"
    shutil.rmtree(parts, ignore_errors=True)  # of another model or prompt, perhaps; an LLM's answers are kept elsewhere
    begun = time.monotonic()
    outcomes = write_queries(query_pages(chosen, BATCH), writer, written, name, parts)
    seconds = time.monotonic() - begun
    dropped: Counter[str] = Counter()
    filters = replace(QueryFilters(), language=name != "key_phrases")
    left = filtered(written, kept, WrittenFor.of(chosen), filters, dropped)
    values = _values(site, chosen, kept)
    _show(chosen, kept, out / f"{stem}.txt")
    figures: dict[str, object] = {
        "outcomes": dict(outcomes),
        "dropped": dict(dropped),
        "queries per page": round(left / len(chosen), 2),
        "seconds per page": round(seconds / len(chosen), 2),
        **{what: interval(own).as_dict() for what, own in values.items()},
    }
    for figure in ("failed", "left_out", "tokens", "from_cache"):
        if counted := getattr(writer, figure, None):
            figures[figure] = dict(counted) if isinstance(counted, Counter) else counted
    return figures, values


def _stem(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _values(site: Site, chosen: pa.Table, queries: Path) -> dict[str, NDArray[np.float64]]:
    """Return recall@30, quality and, where the truth is known, RecoDCG@5 of each page."""
    rows = rows_of(site.work, site.pages, chosen, queries)
    recall, quality, true = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros((len(rows), TOP))
    for place, built in enumerate(rows):
        row, wanted = read(built.row), site.truth[built.page]
        recall[place] = sum(wanted[page] for page in row.pages.tolist()) / wanted.total()
        quality[place] = row.quality[:TOP].sum() / TOP
        if site.web is not None:
            true[place, : len(row.pages[:TOP])] = site.web.quality(built.page, row.pages[:TOP])
    values = {"recall@30": recall, "quality": quality}
    return values if site.web is None else values | {"RecoDCG@5": reco_dcg(true, TOP)}


def rows_of(work: Work, pages: Path, chosen: pa.Table, queries: Path) -> list[BuiltRow]:
    """Return what the build would store of the chosen pages with these queries."""
    engine, facts = TantivyEngine(work.of("qprime") / "index"), PageFacts.of(pages)
    return list(build(chosen, engine, WrittenReader(queries), PairJudge(work), 0, facts=facts))


def _overlap(queries: Path, others: Path) -> float | None:
    """Return the mean Jaccard similarity of a page's queries to the closest of its others; None if none has both."""
    there = {page: [_words(query) for query in own] for page, own in _by_page(others).items()}
    shares = [
        max(len(_words(query) & words) / len(_words(query) | words) for words in there[page])
        for page, own in _by_page(queries).items()
        if there.get(page)
        for query in own
    ]
    return round(float(np.mean(shares)), 3) if shares else None


def _by_page(queries: Path) -> dict[int, list[str]]:
    return {
        page: [query.text for query in own]
        for batch in read_queries(queries)
        for page, own in zip(batch.pages.tolist(), batch.queries, strict=True)
    }


def _words(query: str) -> frozenset[str]:
    return frozenset(query.casefold().split())


def _show(chosen: pa.Table, queries: Path, out: Path) -> None:
    """Write the first pages with their queries, to read."""
    titles = dict(zip(chosen["page"].to_pylist(), chosen["title"].to_pylist(), strict=True))
    lines = []
    for batch in read_queries(queries):
        for page, outcome, own in zip(batch.pages.tolist(), batch.outcomes, batch.queries, strict=True):
            lines += [f"{titles[page]} ({outcome})", *(f"    {query.relevance:.2f} {query.text}" for query in own)]
    out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
