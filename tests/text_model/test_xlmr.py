"""XLM-R as a base: its tokenizer, no token types, positions after the padding's, and two `</s>` between two pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from paragraphs import PARAGRAPHS
from tiny_xlmr import write_tiny_xlmr
from transformers import AutoTokenizer, XLMRobertaModel

from ranking.cross_encoder.export import export_pair_model
from ranking.cross_encoder.model import CrossEncoder, Scores
from ranking.cross_encoder.pairs import open_pair_model
from ranking.teachers.model import Teacher
from recall.two_tower.build import embed, export_tower
from text_model.base import all_joint, hidden_states, load_encoder, shorten, write_tokenizer
from text_model.pair_encoder import PairEncoder
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, pair_inputs, single_inputs


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_xlmr(tmp_path_factory.mktemp("xlmr"), layers=3)


@pytest.fixture(scope="module")
def tokenizer(base: Path, tmp_path_factory: pytest.TempPathFactory) -> PageTokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    write_tokenizer(str(base), path)
    return PageTokenizer(path, 20)


@pytest.fixture(scope="module")
def tokens(tokenizer: PageTokenizer) -> list[np.ndarray]:
    pages = [*PARAGRAPHS["fr"], *PARAGRAPHS["ru"]]
    return tokenizer.encode([""] * len(pages), *(list(side) for side in zip(*pages, strict=True)))[0]


def tensors(inputs: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in inputs.items()}


def test_a_joint_pair_is_laid_out_as_the_models_own_tokenizer_does(base: Path, tokenizer: PageTokenizer) -> None:
    own = AutoTokenizer.from_pretrained(base)
    first, second = "farine", "levain"
    (a, b), _ = tokenizer.encode([""] * 2, [first, second], [""] * 2)
    ours = pair_inputs([a], [b], tokenizer.marks, joint=True)
    length = int(ours["attention_mask"].sum())
    assert ours["input_ids"][0, :length].tolist() == own(first, second)["input_ids"]


def test_pages_that_are_read_alone_have_their_own_marks(tokenizer: PageTokenizer, tokens: list[np.ndarray]) -> None:
    pair = pair_inputs(tokens[:1], tokens[1:2], tokenizer.marks)["input_ids"][0]
    alone = single_inputs(tokens[1:2], tokenizer.marks)["input_ids"][0][: len(tokens[1]) + 2]
    assert pair[len(tokens[0]) + 2 :][: len(alone)].tolist() == alone.tolist()


def test_the_exported_text_encoder_agrees_with_transformers(
    base: Path, tokenizer: PageTokenizer, tokens: list[np.ndarray], tmp_path: Path
) -> None:
    export_tower(load_encoder(str(base)), None, tmp_path / "encoder.onnx")
    vectors = embed(OnnxModel(tmp_path / "encoder.onnx"), tokens, tokenizer.marks, lambda done: None)
    model = XLMRobertaModel.from_pretrained(base).eval()
    for page, vector in zip(tokens, vectors, strict=True):
        ids = torch.tensor([[0, *page.tolist(), 2]])
        with torch.inference_mode():
            mean = model(input_ids=ids).last_hidden_state.mean(1)[0]
        assert torch.cosine_similarity(mean, torch.from_numpy(vector), dim=0) > 0.99  # int8


def test_all_layers_together_compute_what_transformers_computes(
    base: Path, tokenizer: PageTokenizer, tokens: list[np.ndarray]
) -> None:
    encoder = load_encoder(str(base))
    inputs = tensors(pair_inputs(tokens[:4], tokens[4:], tokenizer.marks, joint=True))
    pairs = PairEncoder(encoder, 3)
    assert pairs.page_layers == 0
    with torch.inference_mode():
        ours, theirs = pairs(**inputs), hidden_states(encoder, **inputs)
    torch.testing.assert_close(ours[:, 0], theirs[:, 0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("joint_layers", [1, 3])
def test_the_exported_student_agrees_with_the_trained_one(
    base: Path, tokenizer: PageTokenizer, tokens: list[np.ndarray], tmp_path: Path, joint_layers: int
) -> None:
    torch.manual_seed(1)
    model = CrossEncoder(PairEncoder(load_encoder(str(base)), joint_layers)).eval()
    export_pair_model(model, tmp_path, int8=False)
    joint = all_joint(str(base), joint_layers)
    assert joint == (joint_layers == 3)
    inputs = tensors(pair_inputs(tokens[:4], tokens[4:], tokenizer.marks, joint=joint))
    with torch.inference_mode():
        expected = Scores(model)(**inputs)
    found = open_pair_model(tmp_path, tokenizer.marks, kept_as=np.float32).run(tokens[:4], tokens[4:])
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)


def test_a_teacher_trains_on_it(base: Path, tokenizer: PageTokenizer, tokens: list[np.ndarray]) -> None:
    encoder = load_encoder(str(base))
    teacher = Teacher(PairEncoder(encoder, 2), 5)
    inputs = tensors(pair_inputs(tokens[:4], tokens[4:], tokenizer.marks))
    before = encoder.embeddings.word_embeddings.weight.detach().clone()
    optimizer = torch.optim.SGD(teacher.parameters(), 0.1)
    torch.nn.functional.cross_entropy(teacher(**inputs), torch.tensor([0, 1, 2, 3])).backward()
    optimizer.step()
    assert not torch.equal(before, encoder.embeddings.word_embeddings.weight)


def test_a_deeper_one_is_cut(base: Path) -> None:
    encoder = load_encoder(str(base))
    shorten(encoder, 2)
    assert encoder.config.num_hidden_layers == 2 == len(encoder.encoder.layer)
