"""The step that trains the served cross-encoder, exports it, and checks that the exports agree with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.cross_encoder.adapted import adapted_student, student_base_of
from pipeline.cross_encoder.examples import labels, triplets
from pipeline.cross_encoder.student_files import EXPORTED, WEIGHTS
from pipeline.cross_encoder.teacher_labels import teacher_labels
from pipeline.cross_encoder.vectors import vector_inputs, vector_scores
from pipeline.pages.page_ids import page_ids
from pipeline.pages.page_tokens import PageTokens, page_tokens
from pipeline.runner.model_hash import hash_model
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking.cross_encoder import parity
from ranking.cross_encoder.examples import Labels, PairInputs
from ranking.cross_encoder.export import export_pair_model
from ranking.cross_encoder.model import CrossEncoder, LowerLayers, Scores
from ranking.cross_encoder.page_model import Tokens
from ranking.cross_encoder.pairs import open_pair_model
from ranking.cross_encoder.train import distil, enough, fine_tune
from ranking.cross_encoder.weights import load_weights, save_weights
from store.bundle import BundleError, open_bundle
from text_model.base import load_encoder, shorten
from text_model.distributed import world
from text_model.export import export, quantize
from text_model.packaged import candidates
from text_model.pair_encoder import PairEncoder, pair_encoder
from text_model.session import OnnxModel
from text_model.tokens import pair_inputs
from text_model.training import Curve
from text_model.vector_pairs import VectorPairs

PREVIOUS = "previous"
_FLOAT = "float"
_TITLE = "training cross-encoder"
_PARITY_PAIRS, _PARITY_BATCH = 1_000, 50
_EXACT_BATCHES = 4


def student(work: Work) -> dict[str, object]:
    """Train the two-headed student from the teachers or directly; write it as int8 ONNX and as weights."""
    out = work.directory
    pages, tokens = page_ids(work), page_tokens(work)
    labelled = labels(work, pages)
    torch.manual_seed(work.config.seed)
    encoder = load_encoder(student_base_of(work))
    shorten(encoder, work.config.cross_encoder.layers)
    model = CrossEncoder(pair_encoder(encoder, work.config.cross_encoder.joint_layers))
    tokens.joint = model.encoder.page_layers == 0
    started = _warm_start(work, model)
    curve, figures = _train(work, model, tokens, labelled)
    model.to("cpu")
    if not world().main:
        return {}
    save_weights(model, out / WEIGHTS)
    export_pair_model(model, out / EXPORTED, int8=True)
    export_pair_model(model, out / _FLOAT, int8=False)
    found = _parity(model, tokens, labelled, out)
    shutil.rmtree(out / _FLOAT)
    (out / "student.checkpoint").unlink(missing_ok=True)
    found.check(_trained_heads(work.config.cross_encoder.click_share, figures))
    return {**figures, "steps": curve.steps, "from": started, "parity": asdict(found), "curve": curve.thinned()}


STEP = Step(
    "student",
    student,
    after=("read", "counts", "order", "text", "labels", "teachers"),
    also_after=adapted_student,
    config=("cross_encoder", "text"),
    external=lambda config: [
        *map(hash_model, candidates(config.text.base)),
        hash_model(config.cross_encoder.warm_start),
    ],
    shared=True,
    resumes=True,
)


def _train(work: Work, model: CrossEncoder, tokens: PageTokens, labelled: Labels) -> tuple[Curve, dict[str, int]]:
    config, seed, checkpoint = work.config.cross_encoder, work.config.seed, work.directory / "student.checkpoint"
    if isinstance(model.encoder, VectorPairs):
        inputs = vector_inputs(work)
    else:
        inputs = _inputs(tokens, _lower_layers(model.encoder, config.frozen_layers, work.directory))
    if config.distil:
        pool = teacher_labels(work)
        config = enough(config, pool.page1)
        with progress(_TITLE, config.steps) as advance:
            return distil(model, inputs, pool, config, seed, checkpoint, advance), {"pool": len(pool.page1)}
    clicks = triplets(work, page_ids(work), labelled)
    config = enough(config, clicks.page, labelled.page1)
    with progress(_TITLE, config.steps) as advance:
        curve = fine_tune(model, inputs, clicks, labelled, config, seed, checkpoint, advance)
    return curve, {"triplets": len(clicks.page), "labels": len(labelled.page1)}


def _trained_heads(click_share: float, figures: dict[str, int]) -> list[str]:
    """Return the heads that had training data: the pool, or else triplets and labels."""
    of_click, of_quality = (figures.get(name, figures.get("pool")) for name in ("triplets", "labels"))
    heads = zip(parity.HEADS, (click_share, 1 - click_share), (of_click, of_quality), strict=True)
    return [head for head, share, count in heads if share > 0 and count]


def _warm_start(work: Work, model: CrossEncoder) -> str:
    """Load an earlier student's weights into the model; return their origin."""
    source = work.config.cross_encoder.warm_start
    if source != PREVIOUS:
        if source:
            load_weights(model, Path(source))
        return source or "base"
    try:
        bundle = open_bundle(work.root.parent)
        load_weights(model, bundle.file(f"cross_encoder/{WEIGHTS}"))
    except BundleError:
        return "base"  # the first build
    return bundle.name


def _inputs(tokens: PageTokens, lower: OnnxModel | None) -> PairInputs:
    def states(page1: NDArray[np.int64], page2: NDArray[np.int64]) -> dict[str, Tensor]:
        assert lower is not None  # noqa: S101 - set below
        batch = tokens.pairs(page1, page2)
        masks = {name: torch.from_numpy(batch[name]) for name in ("token_type_ids", "attention_mask")}
        return {"states": torch.from_numpy(lower.run(batch)[0]), **masks}

    return tokens.pair_tensors if lower is None else states


def _lower_layers(encoder: PairEncoder, layers: int, out: Path) -> OnnxModel | None:
    """Return the frozen layers as int8 ONNX, for a CPU."""
    if layers == 0 or world().device.type != "cpu" or not encoder.layered:
        return None
    as_float, as_int8 = (out / f"lower.{world().rank}.{kind}.onnx" for kind in ("float", "int8"))
    export(LowerLayers(encoder, layers), as_float, ["states"])
    quantize(as_float, as_int8)
    lower = OnnxModel(as_int8)
    for path in (as_float, as_int8):
        path.unlink()
    return lower


def _compared(labelled: Labels, pages: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs that the models are compared on: labelled ones, or random ones if those are too few."""
    generator = np.random.default_rng(0)
    rows = generator.permutation(len(labelled.page1))[:_PARITY_PAIRS]
    if len(rows) >= parity.ENOUGH_TO_RANK:
        return labelled.page1[rows], labelled.page2[rows]
    any_two = generator.permutation(min(pages, parity.ENOUGH_TO_RANK) ** 2)[: parity.ENOUGH_TO_RANK]
    page1, page2 = np.divmod(any_two, min(pages, parity.ENOUGH_TO_RANK))
    return np.concatenate([labelled.page1[rows], page1]), np.concatenate([labelled.page2[rows], page2])


def _parity(model: CrossEncoder, tokens: PageTokens, labelled: Labels, out: Path) -> parity.Parity:
    page1, page2 = _compared(labelled, len(tokens))
    batches = [
        ([tokens[row] for row in page1[part]], [tokens[row] for row in page2[part]])
        for part in np.array_split(np.arange(len(page1)), max(1, len(page1) // _PARITY_BATCH))
    ]
    marks, joint = tokens.tokenizer.marks, tokens.joint
    trained = Scores(model).eval()

    def by_torch(first: list[Tokens], second: list[Tokens]) -> parity.Scores:
        if isinstance(model.encoder, VectorPairs):
            return vector_scores(model, marks, first, second)
        padded = pair_inputs(first, second, marks, joint=joint)
        inputs = {name: torch.from_numpy(value) for name, value in padded.items()}
        with torch.inference_mode():
            click, quality = trained(**inputs)
        return click.numpy(), quality.numpy()

    def over(score: Callable[[list[Tokens], list[Tokens]], parity.Scores], count: int) -> parity.Scores:
        click, quality = zip(*(score(*batch) for batch in batches[:count]), strict=True)
        return np.concatenate(click), np.concatenate(quality)

    exact = over(by_torch, _EXACT_BATCHES)  # torch is slow, and a few batches reveal a wrong export
    as_float = over(open_pair_model(out / _FLOAT, marks, kept_as=np.float32).run, len(batches))
    return parity.measure(exact, as_float, over(open_pair_model(out / EXPORTED, marks).run, len(batches)))
