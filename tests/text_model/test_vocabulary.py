from pathlib import Path

import numpy as np
import pytest
from paragraphs import PARAGRAPHS
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from text_model.base import write_tokenizer
from text_model.packaged import PACKAGED
from text_model.tokens import PageTokenizer, understood
from text_model.vocabulary import Vocabulary

MISSING = ["am", "km", "th", "zh"]  # most letters are missing from the packaged vocabulary
FRAGMENTED = ["ar", "bn", "fi", "he", "hi", "ja", "ko", "ru", "ta", "tr"]  # it has the letters, but hardly any words


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PageTokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    write_tokenizer(PACKAGED, path)
    return PageTokenizer(path, 48)


def of(tokenizer: PageTokenizer, language: str) -> list[float]:
    titles, snippets = zip(*PARAGRAPHS[language], strict=True)
    return understood(tokenizer, [""] * 4, titles, snippets).tolist()


@pytest.mark.parametrize("language", [*MISSING, *FRAGMENTED])
def test_a_language_that_the_encoder_cannot_have_learnt_is_not_understood(
    tokenizer: PageTokenizer, language: str
) -> None:
    assert of(tokenizer, language) == [0.0] * 4


def test_short_english_texts_are_understood_too(tokenizer: PageTokenizer) -> None:
    assert of(tokenizer, "en") == [1.0] * 4
    titles = ["Red fox", "Cats and dogs", "os.path.join", "How priority queues work"]
    assert understood(tokenizer, [""] * 4, titles, [""] * 4).tolist() == [1.0] * 4


def test_words_of_the_url_do_not_count_for_a_page_with_text(tokenizer: PageTokenizer) -> None:
    url = "https://a.example/how-to-bake-good-bread-at-home"
    assert understood(tokenizer, [url] * 2, ["Как испечь хлеб", ""], ["", ""]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("language", MISSING)
def test_a_page_that_cannot_be_read_has_no_tokens(tokenizer: PageTokenizer, language: str) -> None:
    title, snippet = PARAGRAPHS[language].bread
    ids, titles = tokenizer.encode(["https://a.example/bread"], [title], [snippet])
    assert (ids[0].tolist(), titles.tolist()) == ([], [0])


def test_an_unknown_letter_is_dropped(tokenizer: PageTokenizer) -> None:
    (with_it, without), _ = tokenizer.encode([""] * 2, ["Bread 😀 ሀ", "Bread"], ["Flour 🍞", "Flour"])
    assert with_it.tolist() == without.tolist()


def test_pages_without_tokens_are_not_understood(tokenizer: PageTokenizer) -> None:
    some = tokenizer.encode([""], ["Red fox"], [""])[0][0]
    none = np.empty(0, np.uint32)
    assert tokenizer.understood([none, some, none, some, none]).tolist() == [0, 1, 0, 1, 0]
    assert tokenizer.understood([none]).tolist() == [0]
    assert tokenizer.understood([]).tolist() == []


def test_a_vocabulary_that_marks_the_beginnings_of_words_is_measured_the_same_way(tmp_path: Path) -> None:
    pieces = ["<unk>", "▁хлеб", "▁пе", "чь", "▁面包", "▁x", "y"]
    built = Tokenizer(models.WordLevel({piece: place for place, piece in enumerate(pieces)}, unk_token="<unk>"))
    built.pre_tokenizer, built.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    measured = Vocabulary(built).understood([np.array(ids, np.uint32) for ids in ([1], [2, 3], [4], [5, 6], [0])])
    assert measured.tolist() == [1, 0, 1, 0, 0]
