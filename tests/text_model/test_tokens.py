from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from text_model.base import write_tokenizer
from text_model.packaged import PACKAGED
from text_model.tokens import LENGTHS, Marks, PageTokenizer, pad, padded_length, pair_inputs, runs, single_inputs

SEQUENCES = st.lists(st.lists(st.integers(1, 30_000), max_size=100), max_size=5)


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    write_tokenizer(PACKAGED, path)
    return path


@pytest.fixture(scope="module")
def tokenizer(tokenizer_file: Path) -> PageTokenizer:
    return PageTokenizer(tokenizer_file, 12)


def words(tokenizer_file: Path, ids: np.ndarray) -> str:
    return str(Tokenizer.from_file(str(tokenizer_file)).decode(ids.tolist()))


def test_title_comes_first_then_words_of_the_url_then_snippet(tokenizer: PageTokenizer, tokenizer_file: Path) -> None:
    ids, titles = tokenizer.encode(["https://a.example/animals/fox.html"], ["Red fox"], ["a small dog"])
    assert words(tokenizer_file, ids[0]) == "red fox animals a small dog"
    assert titles.tolist() == [2]


def test_without_a_title_the_words_of_the_url_replace_it(tokenizer: PageTokenizer, tokenizer_file: Path) -> None:
    ids, titles = tokenizer.encode(["https://a.example/red/fox"], [""], [""])
    assert words(tokenizer_file, ids[0]) == "red fox"
    assert titles.tolist() == [2]


def test_a_page_has_no_more_tokens_than_allowed(tokenizer: PageTokenizer) -> None:
    ids, titles = tokenizer.encode(["https://a.example/"], ["word " * 50], ["other " * 50])
    assert len(ids[0]) == titles[0] == 12


def test_no_special_tokens_are_stored(tokenizer: PageTokenizer) -> None:
    ids, _ = tokenizer.encode(["https://a.example/"], ["one two"], ["three"])
    assert not {*tokenizer.marks} & {*ids[0].tolist()}


def test_a_tokenizer_without_pair_tokens_is_refused(tmp_path: Path) -> None:
    Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match=r"has none of \('\[CLS\]', '<s>'\): use a model"):
        PageTokenizer(tmp_path / "tokenizer.json", 5)


@given(SEQUENCES)
def test_padding_keeps_the_tokens_and_is_masked(sequences: list[list[int]]) -> None:
    inputs = pad([np.array(sequence, np.uint32) for sequence in sequences])
    assert inputs["input_ids"].shape[1] in LENGTHS
    for row, sequence in enumerate(sequences):
        mask = inputs["attention_mask"][row].astype(bool)
        assert inputs["input_ids"][row][mask].tolist() == sequence
        assert not inputs["input_ids"][row][~mask].any()


def test_a_page_is_between_cls_and_sep() -> None:
    inputs = single_inputs([np.array([5, 6], np.uint32)], Marks(1, 2, 1))
    assert inputs["input_ids"][0, :5].tolist() == [1, 5, 6, 2, 0]


def test_token_types_mark_the_pages_of_a_pair() -> None:
    inputs = pair_inputs([np.array([5, 6], np.uint32)], [np.array([7], np.uint32)], Marks(1, 2, 1))
    assert inputs["input_ids"][0, :8].tolist() == [1, 5, 6, 2, 1, 7, 2, 0]
    assert inputs["token_type_ids"][0, :8].tolist() == [0, 0, 0, 0, 1, 1, 1, 0]
    assert inputs["attention_mask"][0, :8].tolist() == [1, 1, 1, 1, 1, 1, 1, 0]


@given(st.lists(st.integers(0, 400), max_size=300))
def test_runs_have_every_page_once_and_as_many_as_fit(lengths: list[int]) -> None:
    lengths.sort()
    found = [lengths[part] for part in runs(lengths)]
    assert [length for part in found for length in part] == lengths
    assert all(part and len(part) * padded_length(part[-1] + 2) <= 2_048 for part in found)
    for part, after in pairwise(found):
        assert len(part) == 64 or (len(part) + 1) * padded_length(after[0] + 2) > 2_048


def test_more_tokens_than_are_read_at_once_are_named() -> None:
    with pytest.raises(ValueError, match="513 tokens are more than the 512"):
        padded_length(513)
