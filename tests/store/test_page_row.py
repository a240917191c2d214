from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.page_row import (
    FACTS,
    PageText,
    is_row,
    language_code,
    near_duplicate,
    pack,
    read_facts,
    read_text,
    read_tokens,
)

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TEXT = st.builds(PageText, WORDS, WORDS, WORDS, WORDS)
TOKENS = st.lists(st.integers(0, 2**32 - 1), max_size=30)
FACT = st.fixed_dictionaries({name: st.integers(0, 2 ** (8 * FACTS[name].itemsize) - 1) for name in FACTS.names})


def row(values: dict[str, int], tokens: list[int], text: PageText) -> tuple[bytes, np.void]:
    facts = np.zeros(1, FACTS)[0]
    for name, value in values.items():
        facts[name] = value
    facts["tokens"] = len(tokens)
    return pack(facts, np.array(tokens, np.uint32), text), facts


@given(FACT, TOKENS, TEXT)
def test_packing_and_reading_a_row_is_lossless(values: dict[str, int], tokens: list[int], text: PageText) -> None:
    packed, facts = row(values, tokens, text)
    read = read_facts([packed])[0]
    assert read == facts
    assert read_tokens(packed, read).tolist() == tokens
    assert read_text(packed) == text


def test_facts_of_many_rows_keep_their_order() -> None:
    rows = [row({"page": page}, [1] * page, PageText("u", "t", "s", "en"))[0] for page in (3, 1, 2)]
    assert read_facts(rows)["page"].tolist() == [3, 1, 2]


def test_no_rows_give_no_facts() -> None:
    assert len(read_facts([])) == 0


@pytest.mark.parametrize(("one", "other"), [("en", "en-GB"), ("EN", "en"), ("de", "de_AT")])
def test_regions_of_a_language_share_a_code(one: str, other: str) -> None:
    assert language_code(one) == language_code(other) != 0


@pytest.mark.parametrize("tag", ["", "e", "1a", "ü", "日本"])
def test_an_invalid_language_tag_has_code_0(tag: str) -> None:
    assert language_code(tag) == 0


def test_different_languages_have_different_codes() -> None:
    assert len({language_code(tag) for tag in ("en", "de", "fr", "ne")}) == 4


@given(FACT, TOKENS, TEXT)
def test_a_packed_row_is_valid_for_its_own_page_only(values: dict[str, int], tokens: list[int], text) -> None:
    packed, facts = row({**values, "title_tokens": 0}, tokens, text)
    assert is_row(int(facts["page"]), packed)
    assert not is_row(int(facts["page"]) ^ 1, packed)


@given(FACT, TOKENS, TEXT, st.data())
def test_a_truncated_or_extended_row_is_invalid(values: dict[str, int], tokens: list[int], text, data) -> None:
    packed, facts = row({**values, "title_tokens": 0}, tokens, text)
    page = int(facts["page"])
    assert not is_row(page, packed[: data.draw(st.integers(0, len(packed) - 1))])
    assert not is_row(page, packed + data.draw(st.binary(min_size=1, max_size=20).filter(bytes.strip)))


@given(st.binary(max_size=400), st.booleans())
def test_random_bytes_that_pass_as_a_row_can_be_read(noise: bytes, of_the_page: bool) -> None:
    packed = (7).to_bytes(8, "little") + noise if of_the_page else noise
    if is_row(7, packed):
        assert len(read_text(packed)) == 4
        read_tokens(packed, read_facts([packed])[0])


@pytest.mark.parametrize(
    "text", [b"[]", b"{}", b"1", b'["u","t","s"]', b'["u","t","s",null]', b'["u","t","s",1]', b"\xff"]
)
def test_a_row_without_its_four_texts_is_invalid(text: bytes) -> None:
    packed, _ = row({"page": 7}, [1, 2], PageText("u", "t", "s", "en"))
    assert not is_row(7, packed[: FACTS.itemsize + 8] + text)


def test_fingerprints_broadcast() -> None:
    assert near_duplicate(np.array([[1 << 60], [0]]), np.array([1 << 60, 0])).tolist() == [
        [True, False],
        [False, False],
    ]
