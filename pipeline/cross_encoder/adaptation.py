"""The step that adapts the teachers' encoder to the site's own text and to what readers stayed on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from pipeline.cross_encoder.adapted import ENCODER, STEP_NAME, adapted
from pipeline.cross_encoder.dwell import dwell_triplets
from pipeline.cross_encoder.teacher_pages import bases_of_teachers, teacher_settings, tokens_of_teachers
from pipeline.pages.page_ids import page_ids
from pipeline.runner.model_hash import hash_model
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking.teachers.adapt import adapt
from text_model.base import load_encoder, write_tokenizer
from text_model.distributed import world
from text_model.masked import MaskedTexts
from text_model.pair_encoder import PairEncoder
from text_model.tokens import PageTokenizer

_CHARACTERS = 8_000  # of a page's text
_PAGES_AT_ONCE = 2_000


def adaptation(work: Work) -> dict[str, object]:
    """Adapt the teachers' base and write it as `encoder`; a killed run resumes from its last checkpoint."""
    config, seed, out = work.config.adaptation, work.config.seed, work.directory
    base, joint_layers = teacher_settings(work).base, work.config.teachers.joint_layers
    tokens = tokens_of_teachers(work)
    encoder = PairEncoder(load_encoder(base), joint_layers)
    texts = _texts(work, tokens.tokenizer, encoder)
    triplets = dwell_triplets(work, page_ids(work), config.satisfied_s, config.quick_back)
    torch.manual_seed(seed)
    with progress("adapting the encoder", config.steps) as advance:
        curve = adapt(encoder, tokens.pair_tensors, texts, triplets, config, seed, out / "checkpoint", advance)
    if not world().main:
        return {}
    encoder.save(out / ENCODER)
    write_tokenizer(base, out / ENCODER / "tokenizer.json")
    (out / "checkpoint").unlink(missing_ok=True)
    counts = {"texts": len(texts.ids), "triplets": len(triplets.page), "steps": curve.steps}
    return {**counts, "curve": curve.thinned()}


STEP = Step(
    STEP_NAME,
    adaptation,
    after=("read", "order", "text"),
    when=lambda config: bool(adapted(config)),
    config=("adaptation", "teachers.base", "teachers.joint_layers", "teachers.tokens_per_page", "text"),
    external=lambda config: [*map(hash_model, bases_of_teachers(config))],
    shared=True,
    resumes=True,
)


def _texts(work: Work, pages: PageTokenizer, encoder: PairEncoder) -> MaskedTexts:
    """Return the token ids of as many pages' whole text as the steps read, drawn at random."""
    config = work.config.adaptation
    most = min(config.pages, config.steps * config.texts)
    ids = [row for batch in _batches(work, most) for row in pages.text_ids(batch) if len(row)]
    return MaskedTexts(ids, pages.marks, pages.mask if ids else 0, encoder.words)


def _batches(work: Work, most: int) -> Iterator[list[str]]:
    """Yield the texts of at most `most` pages: title, snippet and body."""
    path: Path = work.of("read") / "pages.parquet"
    with pq.ParquetFile(path) as file:
        count = file.metadata.num_rows
        wanted = np.zeros(count, bool)
        wanted[np.random.default_rng(work.config.seed).permutation(count)[:most]] = True
        first = 0
        for batch in file.iter_batches(_PAGES_AT_ONCE, columns=["title", "snippet", "body"]):
            rows: NDArray[np.bool_] = wanted[first : first + len(batch)]
            first += len(batch)
            titles, snippets, bodies = (batch[name].filter(rows).to_pylist() for name in ("title", "snippet", "body"))
            yield [". ".join(filter(None, parts))[:_CHARACTERS] for parts in zip(titles, snippets, bodies, strict=True)]
