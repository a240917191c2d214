from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recall.knowledge.config import KnowledgeConfig
from recall.knowledge.extract import Extractor, ranked, sentences, shortened
from recall.knowledge.source import KnownPage
from recall.two_tower.build import export_tower
from text_model.base import load_encoder, write_tokenizer
from text_model.packaged import PACKAGED
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer

LONG = (
    "Foxes are small predators of woods and fields. The office of this site is closed on Mondays. "
    "A red fox hunts mice, voles and rabbits at night. Cookies help us to improve our service for you. "
    "Fox cubs are born in spring and leave the den after four weeks. Please log in to leave a comment here."
)


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> Extractor:
    out: Path = tmp_path_factory.mktemp("encoder")
    write_tokenizer(PACKAGED, out / "tokenizer.json")
    export_tower(load_encoder(PACKAGED), None, out / "encoder.onnx")
    tokenizer = PageTokenizer(out / "tokenizer.json", 40)
    config = KnowledgeConfig(tokens=40, factors=("what the animal eats",))
    return Extractor(OnnxModel(out / "encoder.onnx"), tokenizer, config)


def page(text: str) -> KnownPage:
    return KnownPage(1, "https://a.example/fox", "The red fox", "en", text, "body")


def test_a_text_that_fits_is_left_as_it_is(extractor: Extractor) -> None:
    assert extractor.write(page("Foxes hunt. They sleep by day.")) == "Foxes hunt. They sleep by day."


def test_a_long_text_is_left_with_what_it_is_about(extractor: Extractor) -> None:
    written = extractor.write(page(LONG))
    assert len(written) <= 160
    assert "A red fox hunts mice, voles and rabbits at night." in written
    assert "Cookies" not in written
    assert "log in" not in written


@pytest.mark.parametrize("text", ["x" * 5_000, "狐狸是食肉动物。" * 200, "?! " * 900, "Один. " * 400])
def test_any_text_is_shortened(extractor: Extractor, text: str) -> None:
    assert 0 < len(extractor.write(page(text))) <= 160


def test_sentences_of_several_scripts() -> None:
    assert sentences("Mr. Fox hunts at night. It sleeps by day!") == ["Mr. Fox hunts at night.", "It sleeps by day!"]
    assert sentences("狐狸是一种常见的食肉动物。它在夜间捕食老鼠。") == [
        "狐狸是一种常见的食肉动物。",
        "它在夜间捕食老鼠。",
    ]
    assert sentences("") == []


def test_a_factor_raises_the_sentence_that_is_near_it() -> None:
    vectors = np.array([[1.0, 0.0], [0.6, 0.8]], np.float32)
    title, factor = np.array([1.0, 0.0], np.float32), np.array([[0.0, 1.0]], np.float32)
    assert ranked(vectors, title, factor, 0.0).argmax() == 0
    assert ranked(vectors, title, factor, 1.0).argmax() == 1
    assert ranked(vectors, title, factor[:0], 0.5).argmax() == 0


def test_kept_sentences_keep_their_order_and_fit() -> None:
    found = ["first one", "second one", "third one"]
    assert shortened(found, np.array([0.1, 0.2, 0.3], np.float32), 21) == "second one third one"
    assert shortened(found, np.array([0.3, 0.2, 0.1], np.float32), 5) == "first"
