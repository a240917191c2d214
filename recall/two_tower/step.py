"""The step that trains the two towers and embeds every page with them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.log.split import PAST
from pipeline.log.withheld import withheld_pages
from pipeline.pages.encoder import text_settings
from pipeline.pages.page_ids import page_ids
from pipeline.pages.page_tokens import PageTokens, page_tokens
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from recall.two_tower import build as towers
from recall.two_tower.config import TwoTowerConfig
from recall.two_tower.train import Pairs, enough, train_encoder, train_heads
from text_model.base import Encoder, load_encoder
from text_model.distributed import world
from text_model.resumable_array import clear
from text_model.session import OnnxModel
from text_model.tokens import single_inputs
from text_model.training import Curve


def two_tower(work: Work) -> dict[str, object]:
    """Train the towers on what readers did before the label window, and embed every page with them."""
    config, out, seed = work.config.section(TwoTowerConfig), work.directory, work.config.seed
    pages = page_ids(work)
    pairs = _training_pairs(work, pages, np.load(work.of("text") / "lengths.npy")[:, 0] > 0)
    config = enough(config, pairs)
    encoder = load_encoder(text_settings(work).base)
    stored, curves = work.of("text") / "embeddings.npy", {}
    if config.encoder_steps and len(pairs.query):
        curves["encoder"] = _trained(work, config, encoder, pairs, len(pages)).thinned()
        stored = out / "embeddings.npy"
    embeddings = np.load(stored)
    with progress("training the towers", config.head_steps) as advance:
        query_head, page_head, curve = train_heads(embeddings, pairs, config, seed, advance)
    if not world().main:
        return {}
    towers.export_tower(encoder, query_head, out / "query.onnx")
    index = towers.write(out, pages, embeddings, query_head, page_head)
    clear(out / "embeddings.npy")
    (out / "encoder.checkpoint").unlink(missing_ok=True)
    curves["heads"] = curve.thinned()
    return {**index.figures(), "pairs": len(pairs.query), "head_steps": curve.steps, "curves": curves}


STEP = Step(
    "two_tower",
    two_tower,
    after=("read", "counts", "text"),
    config=("two_tower", "text", "examples.most_withheld"),
    shared=True,
    resumes=True,
)


def _trained(work: Work, config: TwoTowerConfig, encoder: Encoder, pairs: Pairs, pages: int) -> Curve:
    """Fine-tune the encoder in place and write every page's new embedding to `embeddings.npy`."""
    out, tokens = work.directory, page_tokens(work)
    checkpoint = out / "encoder.checkpoint"
    with progress("training the encoder", config.encoder_steps) as advance:
        inputs = _inputs(tokens)
        curve = train_encoder(encoder, inputs, pairs, pages, config, work.config.seed, checkpoint, advance)
    if world().main:
        towers.export_tower(encoder, None, out / "encoder.onnx")
        ids = [tokens[row] for row in range(len(tokens))]
        with progress("embedding pages", len(tokens)) as advance:
            model = OnnxModel(out / "encoder.onnx", threads=1)
            towers.embed(model, ids, tokens.tokenizer.marks, advance, out / "embeddings.npy")
        (out / "encoder.onnx").unlink()
    world().wait()
    return curve


def _training_pairs(work: Work, pages: NDArray[np.uint64], read: NDArray[np.bool_]) -> Pairs:
    """Return the pairs of the log whose pages the tokenizer can both read.

    Pages whose past is hidden from the rankers are hidden here too: their vectors are then those of new pages.
    """
    read = read & ~np.isin(pages, withheld_pages(work))
    evidence = pq.read_table(
        work.of("counts") / PAST / "evidence.parquet", columns=["page1", "page2", "near"], filters=[("near", ">", 0)]
    )
    query, page = (np.searchsorted(pages, evidence[name].to_numpy()) for name in ("page1", "page2"))
    both = read[query] & read[page]
    query, page, near = query[both], page[both], evidence["near"].to_numpy()[both]
    return Pairs(query, page, near**0.75)  # the power keeps a few frequent pairs from dominating


def _inputs(tokens: PageTokens) -> Callable[[NDArray[np.int64]], dict[str, Tensor]]:
    def inputs(rows: NDArray[np.int64]) -> dict[str, Tensor]:
        batch = single_inputs([tokens[int(row)] for row in rows], tokens.tokenizer.marks)
        return {name: torch.from_numpy(value) for name, value in batch.items()}

    return inputs
