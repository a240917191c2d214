from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, MPNetConfig, MPNetModel

from configs.reading import SettingsError
from ranking.cross_encoder.examples import Labels, TeacherLabels, Triplets
from ranking.cross_encoder.model import CrossEncoder, Scores
from ranking.cross_encoder.train import CrossEncoderConfig, distil
from ranking.cross_encoder.weights import load_weights, save_weights
from ranking.teachers import predict_pool
from ranking.teachers.logits import teacher_logits
from ranking.teachers.model import Teacher
from ranking.teachers.train import TeachersConfig, train_click, train_quality
from text_model.base import shorten
from text_model.pair_encoder import PairEncoder
from text_model.tokens import Marks, pair_inputs

PAGES = [np.array(ids, np.uint32) for ids in ([10, 11, 12], [20, 21], [30], [40, 41, 42, 43], [50] * 12)]
CONFIG = TeachersConfig(click_steps=30, quality_steps=30, triplets=4, labels=4, rate=3e-3, head_rate=1e-2)
LABELS = Labels(np.zeros(2, np.int64), np.array([1, 2]), np.array([4, 0], np.float32), np.zeros(2, bool))
TRIPLETS = Triplets(np.zeros(2, np.int64), np.array([1, 1]), np.array([2, 2]), np.ones(2, np.float32))


def encoder(layers: int = 2) -> PairEncoder:
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=2000, hidden_size=32, num_hidden_layers=layers, num_attention_heads=4, intermediate_size=64,
        attn_implementation="eager",
    )  # fmt: skip
    return PairEncoder(BertModel(shape).eval(), 1)


def inputs(page1: np.ndarray, page2: np.ndarray) -> dict[str, Tensor]:
    padded = pair_inputs([PAGES[row] for row in page1], [PAGES[row] for row in page2], Marks(1, 2, 1))
    return {name: torch.from_numpy(value) for name, value in padded.items()}


def logits(teacher: Teacher) -> np.ndarray:
    with torch.inference_mode():
        return teacher(**inputs(np.array([0, 0]), np.array([1, 2]))).numpy()


def test_the_click_teacher_prefers_what_was_clicked() -> None:
    teacher = Teacher(encoder(), 1)
    curve = train_click(teacher, inputs, TRIPLETS, CONFIG, 0, None, lambda done: None)
    clicked, unclicked = logits(teacher)
    assert clicked > unclicked + 1
    assert curve.losses["click"][-1] < curve.losses["click"][0]


@pytest.mark.parametrize("loss", ["ce", "sce"])
def test_the_quality_teacher_learns_the_classes(loss: str) -> None:
    teacher = Teacher(encoder(), 5)
    config = TeachersConfig(quality_loss=loss, quality_steps=30, labels=4, rate=3e-3, head_rate=1e-2)
    train_quality(teacher, inputs, LABELS, config, 0, None, lambda done: None)
    assert logits(teacher).argmax(1).tolist() == [4, 0]


def test_encoders_of_other_families_can_be_teachers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape = DistilBertConfig(vocab_size=2000, dim=32, n_layers=2, n_heads=4, hidden_dim=64, attn_implementation="eager")
    teacher = Teacher(PairEncoder(DistilBertModel(shape).eval(), 1), 5)
    train_quality(teacher, inputs, LABELS, CONFIG, 0, None, lambda done: None)
    found = teacher_logits(teacher, inputs, tmp_path)(np.array([0, 0]), np.array([1, 2]))
    assert found.argmax(1).tolist() == [4, 0]


def test_an_mpnet_teacher_is_exported_with_the_same_logits(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape = MPNetConfig(
        vocab_size=2000, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64,
        attn_implementation="eager",
    )  # fmt: skip
    teacher = Teacher(PairEncoder(MPNetModel(shape).eval(), 1), 5)
    train_quality(teacher, inputs, LABELS, CONFIG, 0, None, lambda done: None)
    exact = [logits(teacher)]
    with torch.inference_mode():
        exact.append(teacher(**inputs(np.array([1, 3]), np.array([4, 0]))).numpy())
    score = teacher_logits(teacher, inputs, tmp_path / "quality.onnx")
    found = [score(np.array([0, 0]), np.array([1, 2])), score(np.array([1, 3]), np.array([4, 0]))]  # of other lengths
    assert np.concatenate(found) == pytest.approx(np.concatenate(exact), abs=0.2)  # int8
    assert found[0].argmax(1).tolist() == [4, 0]


def test_a_resumed_teacher_ends_at_the_same_weights(tmp_path: Path) -> None:
    def kill(done: int) -> None:
        if done == 25:
            raise KeyboardInterrupt

    config = TeachersConfig(quality_steps=30, labels=4, checkpoint_every=10)
    whole, killed, resumed = (Teacher(encoder(), 5) for _ in range(3))
    killed.load_state_dict(whole.state_dict())
    train_quality(whole, inputs, LABELS, config, 0, None, lambda done: None)
    with pytest.raises(KeyboardInterrupt):
        train_quality(killed, inputs, LABELS, config, 0, tmp_path / "checkpoint", kill)
    train_quality(resumed, inputs, LABELS, config, 0, tmp_path / "checkpoint", lambda done: None)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_labels_from_the_input_get_their_share_of_a_step() -> None:
    given = np.arange(1_000) < 10
    many = Labels(np.arange(1_000), np.arange(1_000), np.ones(1_000, np.float32), given)
    seen: list[np.ndarray] = []

    def spy(page1: np.ndarray, page2: np.ndarray) -> dict[str, Tensor]:
        seen.append(page1)
        return {}

    many.batch(spy, 16, 0.5, seed=0, step=3)
    many.batch(spy, 16, 0.5, seed=0, step=3)
    assert (seen[0] < 10).sum() == 8
    assert np.array_equal(*seen)


def test_int8_logits_on_a_cpu_are_close_to_the_teachers(tmp_path: Path) -> None:
    teacher = Teacher(encoder(), 5)
    train_quality(teacher, inputs, LABELS, CONFIG, 0, None, lambda done: None)
    found = teacher_logits(teacher, inputs, tmp_path / "kept.onnx")(np.array([0, 0]), np.array([1, 2]))
    assert np.abs(found - logits(teacher)).max() < 0.5  # int8
    assert [path.name for path in tmp_path.iterdir()] == ["kept.onnx"]


def test_every_pair_gets_its_own_logits(tmp_path: Path) -> None:
    page1, page2 = np.repeat(np.arange(5), 5), np.tile(np.arange(5), 5)
    sums = predict_pool.predict_pool(tmp_path / "s.npy", page1, page2, 1, LENGTHS, add, lambda done: None)
    assert sums[:, 0].tolist() == (page1 * 10 + page2).tolist()
    assert isinstance(sums, np.memmap)


LENGTHS = np.array([len(page) for page in PAGES])


def add(page1: np.ndarray, page2: np.ndarray) -> np.ndarray:
    return (page1 * 10 + page2).astype(np.float32)[:, None]


def test_a_resumed_run_does_not_compute_finished_pairs_again(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(predict_pool, "CHUNK", 10)
    page1, page2 = np.repeat(np.arange(5), 5), np.tile(np.arange(5), 5)
    asked: list[int] = []

    def fails_after_two(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        asked.append(len(first))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return add(first, second)

    path = tmp_path / "s.npy"
    with pytest.raises(KeyboardInterrupt):
        predict_pool.predict_pool(path, page1, page2, 1, LENGTHS, fails_after_two, lambda done: None)
    sums = predict_pool.predict_pool(path, page1, page2, 1, LENGTHS, fails_after_two, lambda done: None)
    assert asked == [10, 10, 5, 5]
    assert sums[:, 0].tolist() == (page1 * 10 + page2).tolist()
    predict_pool.predict_pool(path, page1, page2, 1, LENGTHS, fails_after_two, lambda done: None)
    assert len(asked) == 4


def test_a_student_learns_its_teachers_logits() -> None:
    torch.manual_seed(0)
    model = CrossEncoder(encoder())
    one, two = np.repeat(np.arange(5), 5), np.tile(np.arange(5), 5)
    quality = np.full((25, 5), -3, np.float32)
    quality[np.arange(25), two] = 3  # the second page's number is the class
    click = (two.astype(np.float32) - 2)[:, None]
    config = CrossEncoderConfig(steps=200, pairs=16, rate=2e-3, head_rate=1e-2)
    curve = distil(model, inputs, TeacherLabels(one, two, click, quality), config, 0, None, lambda done: None)
    with torch.inference_mode():
        clicks, expected = Scores(model)(**inputs(one[:5], two[:5]))
    assert clicks.tolist() == pytest.approx([-2, -1, 0, 1, 2], abs=0.5)
    assert expected.tolist() == pytest.approx([0, 1, 2, 3, 4], abs=0.5)
    assert curve.losses.keys() == {"click", "quality"}


def test_a_student_starts_from_an_earlier_one(tmp_path: Path) -> None:
    earlier, later = CrossEncoder(encoder()), CrossEncoder(encoder())
    save_weights(earlier, tmp_path / "weights")
    load_weights(later, tmp_path / "weights")
    batch = inputs(np.array([0, 1]), np.array([2, 3]))
    with torch.inference_mode():
        for a, b in zip(Scores(earlier)(**batch), Scores(later)(**batch), strict=True):
            assert a.tolist() == pytest.approx(b.tolist(), abs=1e-2)


def test_a_student_of_another_shape_is_refused(tmp_path: Path) -> None:
    save_weights(CrossEncoder(encoder(layers=3)), tmp_path / "weights")
    with pytest.raises(SettingsError, match="was not made with this"):
        load_weights(CrossEncoder(encoder()), tmp_path / "weights")


def test_a_deep_encoder_keeps_evenly_spaced_layers() -> None:
    deep = encoder(layers=11).base
    layers = list(deep.encoder.layer)
    shorten(deep, 6)
    assert [layers.index(layer) for layer in deep.encoder.layer] == [0, 2, 4, 6, 8, 10]
    shorten(deep, 8)
    assert len(deep.encoder.layer) == deep.config.num_hidden_layers == 6
