"""Steps that train the cascade: stage 1, the cross-encoder, stage 2, and the blend."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from pipeline import leak
from pipeline.events import label_events, past_impressions
from pipeline.snapshot import Snapshot, query_of, snapshot
from pipeline.step import Work, progress
from pipeline.text import PageTokens, page_tokens
from ranking import blend
from ranking.cross_encoder import parity
from ranking.cross_encoder.score import CrossEncoderHeads
from ranking.cross_encoder.train import CrossEncoder, Labels, LowerLayers, Scores, Triplets, train
from ranking.examples import Event, GroupWriter, LoggedPages, collect
from ranking.features import STAGE1, STAGE2, STAGE2_START
from ranking.lightgbm import train as lightgbm
from ranking.lightgbm.score import LightGbmScorer
from text_model.base import load_encoder
from text_model.export import export, quantize
from text_model.session import OnnxModel
from text_model.tokens import pair_inputs

STAGE1_KEPT = 30
_PARITY_PAIRS, _PARITY_BATCH = 1_000, 50
_EXACT_BATCHES = 4


def stage1(work: Work) -> dict[str, object]:
    """Train the stage 1 ranker on the label window, with features from before it.

    Beside the served model, each half of the pages gets one that did not learn from it: stage 2 reads
    stage 1's score as a feature, and must learn from scores as honest as those that serving gives it.
    """
    events = label_events(work, work.config.examples.groups)
    leak.check(work, events)

    async def all_of(query: Query, candidates: Candidates) -> Candidates:
        return candidates

    halves = [GroupWriter(work.config.examples.negatives, work.config.seed + half) for half in (0, 1)]
    with snapshot(work, (LoggedPages(events),)) as past:
        for half, writer in enumerate(halves):
            part = [event for event in events if _half(event.page) == half]
            _collect(past, part, STAGE1, all_of, writer, f"stage 1 examples {half + 1}/2")
    groups = [writer.groups() for writer in halves]
    for half in (0, 1):
        _fit(work, groups[1 - half] or groups[half], STAGE1, work.config.stage1, f"without{half}.txt")
    return _fit(work, lightgbm.joined(groups), STAGE1, work.config.stage1, "model.txt")


def cross_encoder(work: Work) -> dict[str, object]:
    """Train the two-headed cross-encoder, export it, and check that the exports say the same."""
    config, out = work.config.cross_encoder, work.directory
    pages = pq.read_table(work.of("read") / "pages.parquet", columns=["page"])["page"].to_numpy()
    tokens = page_tokens(work)
    labels = _labels(work, pages)
    triplets = _triplets(work, pages, labels)
    torch.manual_seed(work.config.seed)
    model = CrossEncoder(load_encoder(work.config.text.base))
    lower = _lower_layers(model, config.frozen_layers, out)

    def inputs(page1: NDArray[np.int64], page2: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        return _padded(tokens, page1, page2)

    with progress("training cross-encoder", config.steps) as advance:
        train(model, lower, inputs, triplets, labels, config, work.config.seed, advance)
    export(Scores(model), out / "float.onnx", ["click", "quality"])
    quantize(out / "float.onnx", out / "model.onnx")
    found = _parity(model, tokens, labels, out)
    (out / "float.onnx").unlink()
    found.check()
    return {"triplets": len(triplets.page), "labels": len(labels.page1), "parity": asdict(found)}


def stage2(work: Work) -> dict[str, object]:
    """Train the stage 2 ranker on what stage 1 lets through, with both heads as features.

    A fifth of the pages is kept out; over their candidates the blend takes its μ and σ.
    """
    pages = _sampled_pages(work)
    held_out = set(pages[: max(1, len(pages) // 5)])
    wanted = set(pages)
    events = [event for event in label_events(work, None) if event.page in wanted]
    leak.check(work, events)
    writers = {kept: GroupWriter(STAGE1_KEPT, work.config.seed) for kept in (True, False)}
    with snapshot(work) as past:
        narrow = _narrow(work, past)
        for kept, writer in writers.items():
            part = [event for event in events if (event.page not in held_out) == kept]
            _collect(past, part, STAGE2, narrow, writer, "stage 2 examples" if kept else "held-out pages")
    held = writers[False].groups()
    figures = _fit(work, writers[True].groups(), STAGE2, work.config.stage2, "model.txt", STAGE2_START, held)
    held = held or writers[True].groups()
    assert held is not None  # noqa: S101 - _fit has refused it
    np.save(work.directory / "held_out.npy", held.features)
    return figures


def fit_blend(work: Work) -> dict[str, object]:
    """Take μ and σ of both scores over the candidates of pages that stage 2 did not learn from."""
    features = np.load(work.of("stage2") / "held_out.npy")
    ranker = LightGbmScorer("stage2", work.of("stage2") / "model.txt", STAGE2, STAGE2_START)
    fitted = blend.fit(ranker.predict(features), features[:, STAGE2.index("quality")], work.config.quality_weight)
    fitted.save(work.directory / "blend.json")
    return asdict(fitted)


def _sampled_pages(work: Work) -> list[int]:
    """Return pages drawn as traffic draws them, each once."""
    events = label_events(work, None)
    order = np.random.default_rng(work.config.seed).permutation(len(events))
    return list(dict.fromkeys(events[i].page for i in order))[: work.config.examples.stage2_pages]


def _collect(
    past: Snapshot,
    events: list[Event],
    names: tuple[str, ...],
    narrow: Callable[[Query, Candidates], Awaitable[Candidates]],
    writer: GroupWriter,
    title: str,
) -> None:
    with progress(title, len({event.page for event in events})) as advance:
        asyncio.run(collect(past.candidates, events, names, writer, narrow, query_of, advance))


def _narrow(work: Work, past: Snapshot) -> Callable[[Query, Candidates], Awaitable[Candidates]]:
    """Return what leaves stage 1's top candidates, in order of PageId, with its score and both heads' scores."""
    rankers = [LightGbmScorer("stage1", work.of("stage1") / f"without{half}.txt", STAGE1) for half in (0, 1)]
    model = OnnxModel(work.of("student") / "model.onnx")
    heads = CrossEncoderHeads(model, past.tokenizer.cls, past.tokenizer.sep, past.native)

    async def narrow(query: Query, candidates: Candidates) -> Candidates:
        score = rankers[_half(query.page)].score(query, candidates)
        best = np.sort(np.argsort(-score, kind="stable")[:STAGE1_KEPT])
        return await heads.hydrate(query, candidates.with_columns({"stage1": score}).take(best))

    return narrow


def _half(page: int) -> int:
    return page & 1  # a PageId is a hash: its last bit is a fair coin


def _fit(
    work: Work,
    groups: lightgbm.Groups | None,
    names: tuple[str, ...],
    config: lightgbm.LightGbmConfig,
    file: str,
    start: str | None = None,
    held_out: lightgbm.Groups | None = None,
) -> dict[str, object]:
    if groups is None:
        raise ValueError("no example holds both a page to prefer and one to pass over: is the log longer than a day?")
    with progress("training", config.trees) as advance:
        path, seed = work.directory / file, work.config.seed
        trees = lightgbm.train(groups, names, config, seed, path, advance, start, held_out)
    rows = {"groups": len(groups.size), "rows": len(groups.gain)}
    return {**rows, "positions": groups.position is not None, "trees": trees}


def _labels(work: Work, pages: NDArray[np.uint64]) -> Labels:
    table = pq.read_table(work.of("labels") / "labels.parquet")
    page1, page2 = (np.searchsorted(pages, table[name].to_numpy()) for name in ("page1", "page2"))
    return Labels(page1, page2, table["quality"].to_numpy())


def _triplets(work: Work, pages: NDArray[np.uint64], labels: Labels) -> Triplets:
    """Return clicked against passed pages of past impressions; without clicks, better labels against worse ones."""
    table = past_impressions(work)
    if len(table) == 0:
        return _triplets_of_labels(labels)
    clicked = table.filter(table["clicked"]).select(["impression", "page1", "page2"])
    passed = table.filter(pc.invert(table["clicked"])).select(["impression", "page2"])
    passed = passed.rename_columns(["impression", "passed"])
    joined = clicked.join(passed, "impression", join_type="inner")
    counted = joined.group_by(["page1", "page2", "passed"]).aggregate([([], "count_all")])
    counted = counted.sort_by([("page1", "ascending"), ("page2", "ascending"), ("passed", "ascending")])
    page, chosen, other = (np.searchsorted(pages, counted[name].to_numpy()) for name in ("page1", "page2", "passed"))
    # The paper weighs a triplet seen f times by log f, which forgets those seen once; log(1 + f) does not.
    return Triplets(page, chosen, other, np.log1p(counted["count_all"].to_numpy()).astype(np.float32))


def _triplets_of_labels(labels: Labels) -> Triplets:
    order = np.lexsort((labels.quality, labels.page1))
    first, second = order[:-1], order[1:]
    apart = (labels.page1[first] == labels.page1[second]) & (labels.quality[second] - labels.quality[first] >= 0.5)
    first, second = first[apart], second[apart]
    return Triplets(labels.page1[first], labels.page2[second], labels.page2[first], np.ones(len(first), np.float32))


def _lower_layers(model: CrossEncoder, layers: int, out: Path) -> OnnxModel | None:
    if layers == 0:
        return None
    export(LowerLayers(model.encoder, layers), out / "lower.float.onnx", ["states"])
    quantize(out / "lower.float.onnx", out / "lower.onnx")
    lower = OnnxModel(out / "lower.onnx")
    for name in ("lower.float.onnx", "lower.onnx"):
        (out / name).unlink()
    return lower


def _padded(tokens: PageTokens, page1: NDArray[np.int64], page2: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    first, second = ([tokens[int(row)] for row in rows] for rows in (page1, page2))
    return pair_inputs(first, second, tokens.tokenizer.cls, tokens.tokenizer.sep)


def _parity(model: CrossEncoder, tokens: PageTokens, labels: Labels, out: Path) -> parity.Parity:
    rows = np.random.default_rng(0).permutation(len(labels.page1))[:_PARITY_PAIRS]
    batches = [
        _padded(tokens, labels.page1[part], labels.page2[part])
        for part in np.array_split(rows, max(1, len(rows) // _PARITY_BATCH))
    ]
    trained = Scores(model).eval()

    def by_torch(batch: dict[str, NDArray[np.int64]]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            return [score.numpy() for score in trained(**{n: torch.from_numpy(v) for n, v in batch.items()})]

    def over(score: Callable[[dict[str, NDArray[np.int64]]], list[NDArray[np.float32]]], count: int) -> parity.Scores:
        click, quality = zip(*(score(batch) for batch in batches[:count]), strict=True)
        return np.concatenate(click), np.concatenate(quality)

    exact = over(by_torch, _EXACT_BATCHES)  # torch is slow, and a wrong export is wrong everywhere
    as_float, as_int8 = (over(OnnxModel(out / f"{name}.onnx").run, len(batches)) for name in ("float", "model"))
    return parity.measure(exact, as_float, as_int8)
