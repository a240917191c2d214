from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import BertConfig, BertModel

from cascade.types import Candidates, Query, Trigger
from ranking.cross_encoder import parity
from ranking.cross_encoder.examples import Labels, Triplets
from ranking.cross_encoder.export import export_pair_model
from ranking.cross_encoder.losses import centred, class_loss, pairwise_softmax, soft_classes
from ranking.cross_encoder.model import CrossEncoder, Scores, expected_quality
from ranking.cross_encoder.pairs import WHOLE, PairModel, open_pair_model
from ranking.cross_encoder.score import CrossEncoderHeads
from ranking.cross_encoder.train import CrossEncoderConfig, enough, fine_tune
from store.page_row import FACTS
from text_model.pair_encoder import PairEncoder
from text_model.tokens import Marks, pair_inputs

MARKS = Marks(1, 2, 1)
PAGES = [np.array(ids, np.uint32) for ids in ([10, 11, 12], [20, 21], [30], [40, 41, 42, 43], [50] * 12)]


def new_model(joint_layers: int = 1, layers: int = 2) -> CrossEncoder:
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=2000, hidden_size=32, num_hidden_layers=layers, num_attention_heads=4, intermediate_size=64,
        attn_implementation="eager",
    )  # fmt: skip
    return CrossEncoder(PairEncoder(BertModel(shape).eval(), joint_layers))


def inputs(page1: np.ndarray, page2: np.ndarray) -> dict[str, np.ndarray]:
    return pair_inputs([PAGES[row] for row in page1], [PAGES[row] for row in page2], MARKS)


@pytest.fixture(scope="module")
def model() -> CrossEncoder:
    return new_model().eval()


@pytest.fixture(scope="module")
def directory(model: CrossEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cross_encoder")
    export_pair_model(model, path, int8=False)
    return path


@pytest.fixture
def onnx(directory: Path) -> PairModel:
    return open_pair_model(directory, MARKS, kept_as=np.float32)


def of(*rows: int) -> list[np.ndarray]:
    return [PAGES[row] for row in rows]


def torch_scores(model: CrossEncoder, batch: dict[str, np.ndarray]) -> list[np.ndarray]:
    with torch.inference_mode():
        scores = Scores(model)(**{name: torch.from_numpy(value) for name, value in batch.items()})
    return [part.numpy() for part in scores]


@given(st.lists(st.floats(0, 4, width=32), min_size=1, max_size=20))
def test_soft_classes_spread_a_score_over_its_two_nearest_classes(quality: list[float]) -> None:
    classes = soft_classes(torch.tensor(quality))
    assert classes.sum(1).tolist() == pytest.approx([1.0] * len(quality))
    assert (classes @ torch.arange(5.0)).tolist() == pytest.approx(quality, abs=1e-5)
    assert ((classes > 0).sum(1) <= 2).all()
    assert (classes >= 0).all()


def test_an_integer_score_is_a_single_class() -> None:
    assert soft_classes(torch.tensor([0.0, 3.0, 4.0])).argmax(1).tolist() == [0, 3, 4]


def test_the_pairwise_softmax_by_hand() -> None:
    clicked, unclicked, weight = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0]), torch.tensor([0.5, 1.5])
    first = -math.log(math.e / (math.e + 1))
    assert pairwise_softmax(clicked, unclicked, weight).item() == pytest.approx((first / 2 + 1.5 * math.log(2)) / 2)


def test_cross_entropy_learns_the_nearest_class_and_soft_cross_entropy_two() -> None:
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.2, 0.2]]))
    score = torch.tensor([1.25])
    assert class_loss(logits, score, "ce").item() == pytest.approx(-math.log(0.2))
    assert class_loss(logits, score, "sce").item() == pytest.approx(-0.75 * math.log(0.2) - 0.25 * math.log(0.3))


def test_centred_logits_ignore_a_constant_offset() -> None:
    logits = torch.tensor([[1.0, 2.0, 6.0]])
    assert centred(logits).tolist() == centred(logits + 5).tolist() == [[-2.0, -1.0, 3.0]]


def test_the_expected_quality_of_a_uniform_distribution_is_two() -> None:
    assert expected_quality(torch.zeros(1, 5)).item() == pytest.approx(2.0)


def test_onnx_scores_match_torch(model: CrossEncoder, onnx: PairModel) -> None:
    trained = torch_scores(model, inputs(np.array([0, 1, 2]), np.array([3, 4, 0])))
    for ours, theirs in zip(onnx.run(of(0, 1, 2), of(3, 4, 0)), trained, strict=True):
        assert np.abs(ours - theirs).max() < parity.FLOAT_TOLERANCE


def test_onnx_scores_of_two_joint_layers_match_torch(tmp_path: Path) -> None:
    model = new_model(joint_layers=2, layers=3).eval()
    export_pair_model(model, tmp_path, int8=False)
    trained = torch_scores(model, inputs(np.array([0, 0]), np.array([3, 4])))
    scores = open_pair_model(tmp_path, MARKS, kept_as=np.float32).run(of(0), of(3, 4))
    for ours, theirs in zip(scores, trained, strict=True):
        assert np.abs(ours - theirs).max() < parity.FLOAT_TOLERANCE


def test_a_pairs_scores_do_not_depend_on_the_other_pairs_of_a_run(model: CrossEncoder, tmp_path: Path) -> None:
    export_pair_model(model, tmp_path, int8=True)
    onnx = open_pair_model(tmp_path, MARKS)
    together = onnx.run(of(0), of(1, 2, 3, 4))
    alone = zip(*(onnx.run(of(0), of(row)) for row in (1, 2, 3, 4)), strict=True)
    for one, all_ in zip(alone, together, strict=True):
        assert np.concatenate(one) == pytest.approx(all_, abs=1e-5)


def test_an_encoder_whose_layers_are_all_joint_is_one_model(tmp_path: Path) -> None:
    model = new_model(joint_layers=2)
    export_pair_model(model, tmp_path, int8=False)
    assert [path.name for path in tmp_path.iterdir()] == [WHOLE]
    trained = torch_scores(model, inputs(np.array([1, 1]), np.array([3, 4])))
    for ours, theirs in zip(open_pair_model(tmp_path, MARKS).run(of(1), of(3, 4)), trained, strict=True):
        assert np.abs(ours - theirs).max() < parity.FLOAT_TOLERANCE


def test_all_rows_can_share_page_1(onnx: PairModel) -> None:
    for shared, repeated in zip(onnx.run(of(0), of(1, 2, 4)), onnx.run(of(0, 0, 0), of(1, 2, 4)), strict=True):
        assert shared == pytest.approx(repeated, abs=1e-5)


def test_a_cached_page_is_not_computed_again(onnx: PairModel) -> None:
    before = onnx.run(of(0), of(1, 2))
    onnx._pages._model = None  # computing a page would now fail
    for again, first in zip(onnx.run(of(0), of(1, 2)), before, strict=True):
        assert again == pytest.approx(first, abs=1e-6)


def test_cached_pages_take_no_more_than_the_allowed_bytes(directory: Path) -> None:
    bytes_per_token = 32 * 4
    small = open_pair_model(directory, MARKS, kept_bytes=10 * bytes_per_token, kept_as=np.float32)
    large = open_pair_model(directory, MARKS, kept_as=np.float32)
    for _ in range(2):
        assert small.run(of(0), of(*range(5)))[0] == pytest.approx(large.run(of(0), of(*range(5)))[0], abs=1e-5)
    assert 0 < small._kept.currsize <= 10 * bytes_per_token


def test_half_precision_hardly_changes_a_score(directory: Path, onnx: PairModel) -> None:
    half = open_pair_model(directory, MARKS)
    for ours, exact in zip(half.run(of(0), of(*range(5))), onnx.run(of(0), of(*range(5))), strict=True):
        assert np.abs(ours - exact).max() < 2e-3


def test_padding_does_not_change_a_score(model: CrossEncoder, onnx: PairModel) -> None:
    alone = onnx.run(of(0), of(2))
    beside_a_long_pair = onnx.run(of(0, 4), of(2, 4))
    for short, padded in zip(alone, beside_a_long_pair, strict=True):
        assert padded[0] == pytest.approx(short[0], abs=1e-5)


NONE, NO_WEIGHT = np.empty(0, np.int64), np.empty(0, np.float32)
NO_TRIPLETS = Triplets(NONE, NONE, NONE, NO_WEIGHT)
LABELS = Labels(np.zeros(2, np.int64), np.array([1, 2]), np.array([4, 0], np.float32), np.zeros(2, bool))


def tensors(page1: np.ndarray, page2: np.ndarray) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in inputs(page1, page2).items()}


def test_fine_tuning_prefers_what_was_clicked_and_learns_the_labels() -> None:
    model = new_model()
    triplets = Triplets(np.zeros(2, np.int64), np.array([1, 1]), np.array([2, 2]), np.ones(2, np.float32))
    config = CrossEncoderConfig(steps=30, triplets=4, labels=4, rate=3e-3, head_rate=1e-2)
    done: list[int] = []
    curve = fine_tune(model, tensors, triplets, LABELS, config, 0, None, done.append)
    click, quality = torch_scores(model, inputs(np.array([0, 0]), np.array([1, 2])))
    assert click[0] > click[1]
    assert quality[0] > quality[1] + 1
    assert done == [*range(1, 31)]
    assert curve.losses["quality"][-1] < curve.losses["quality"][0]


def test_without_examples_nothing_is_learnt() -> None:
    model, before = new_model(), new_model()
    none = Labels(NONE, NONE, NO_WEIGHT, np.empty(0, bool))
    curve = fine_tune(model, tensors, NO_TRIPLETS, none, CrossEncoderConfig(steps=2), 0, None, lambda done: None)
    assert curve.thinned() == {}
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True))


def test_frozen_layers_stay_as_they_are() -> None:
    model, before = new_model(), new_model()
    config = CrossEncoderConfig(steps=2, frozen_layers=1)
    fine_tune(model, tensors, NO_TRIPLETS, LABELS, config, 0, None, lambda done: None)

    def lowest(of: CrossEncoder) -> Tensor:
        return next(of.encoder.base.encoder.layer[0].parameters())

    assert torch.equal(lowest(model), lowest(before))
    assert not torch.equal(next(model.quality.parameters()), next(before.quality.parameters()))


def test_fine_tuning_holds_pages_out_if_asked() -> None:
    def many(page1: np.ndarray, page2: np.ndarray) -> dict[str, Tensor]:
        return tensors(page1 % len(PAGES), page2 % len(PAGES))

    first, quality = np.arange(120), np.random.default_rng(0).integers(0, 5, 120).astype(np.float32)
    labels = Labels(first, first[::-1].copy(), quality, np.zeros(120, bool))
    config = enough(
        CrossEncoderConfig(distil=False, steps=500, labels=16, triplets=1, visits=5, held_out_share=0.05), first
    )
    assert config.steps == 38  # five draws of each page
    curve = fine_tune(new_model(), many, NO_TRIPLETS, labels, config, 0, None, lambda done: None)
    assert 0 < curve.steps <= 38
    assert list(curve.held_out) == [10, 20, 30, 38][: len(curve.held_out)]
    every = replace(config, steps=2, held_out_share=0.0)
    assert fine_tune(new_model(), many, NO_TRIPLETS, labels, every, 0, None, lambda done: None).held_out == {}


async def test_heads_score_candidates_from_their_token_ids(model: CrossEncoder, onnx: PairModel) -> None:
    counts = np.array([len(page) for page in PAGES])
    tokens = np.zeros((len(PAGES), counts.max()), np.uint32)
    for row, page in enumerate(PAGES):
        tokens[row, : len(page)] = page
    candidates = Candidates(np.arange(5, dtype=np.uint64), {"token_ids": tokens, "tokens": counts})
    query = Query("https://a.example/", page=9, trigger=Trigger(True, np.zeros(1, FACTS)[0], PAGES[0]))
    with ThreadPoolExecutor(1) as native:
        scored = await CrossEncoderHeads(onnx, native).hydrate(query, candidates)
    click, quality = torch_scores(model, inputs(np.zeros(5, np.int64), np.arange(5)))
    assert scored["click"] == pytest.approx(click, abs=1e-4)
    assert scored["quality"] == pytest.approx(quality, abs=1e-4)


def test_parity_compares_scores_and_ranks() -> None:
    trained = (np.arange(200, dtype=np.float32), np.ones(200, np.float32) * np.arange(200, dtype=np.float32))
    shifted = (trained[0] + np.float32(1e-5), trained[1])
    found = parity.measure(trained, shifted, (trained[0] * 2, trained[1] * 2))
    found.check()
    assert found.float_difference == pytest.approx(1e-5, abs=1e-5)
    assert found.int8_click == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (parity.Parity(200, 2e-4, 1.0, 1.0), r"ONNX differs from torch by 2\.0e-04"),
        (parity.Parity(200, float("nan"), 1.0, 1.0), "ONNX differs from torch by nan"),
        (parity.Parity(200, 0.0, 0.97, 1.0), r"int8 click scores have a rank correlation of 0\.9700"),
        (parity.Parity(200, 0.0, 1.0, float("nan")), "int8 quality scores have a rank correlation of nan"),
    ],
)
def test_models_that_differ_too_much_are_rejected(found: parity.Parity, message: str) -> None:
    with pytest.raises(parity.ParityError, match=message):
        found.check()


def test_a_few_pairs_are_compared_by_score_not_by_order() -> None:
    exact = np.array([1.0, 1.01, 3.0, 2.0, 0.5, 4.0], np.float32)
    swapped = exact + np.array([0.02, 0.0, 0.02, -0.02, 0.0, 0.02], np.float32)
    found = parity.measure((exact, exact), (exact, exact), (swapped, swapped))
    assert found.int8_click < parity.INT8_SPEARMAN
    found.check()
    other = exact[::-1].copy()
    with pytest.raises(parity.ParityError, match=r"int8 click scores differ from float32 by \d"):
        parity.measure((exact, exact), (exact, exact), (other, exact)).check()


def test_nearly_equal_scores_have_no_meaningful_order() -> None:
    alike = np.full(300, 2.0, np.float32)
    noise = np.random.default_rng(0).normal(0, 0.01, 300).astype(np.float32)
    for exact, int8 in (
        (alike, alike),
        (alike, alike + noise),
        (alike + noise, alike + noise[::-1]),
        (alike, alike + 1),
    ):
        parity.measure((exact, exact), (exact, exact), (int8, int8)).check()
    with pytest.raises(parity.ParityError, match="int8 click"):
        parity.measure((alike, alike), (alike, alike), (alike + 10 * noise, alike)).check()


def test_an_untrained_head_may_differ() -> None:
    parity.Parity(200, 0.0, 1.0, 0.5).check(["click"])
    with pytest.raises(parity.ParityError, match="int8 click"):
        parity.Parity(200, 0.0, 0.5, 1.0).check(["click"])
