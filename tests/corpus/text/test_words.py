import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icu4py.breakers import WordBreaker
from paragraphs import PARAGRAPHS

from corpus.text.words import runs, word_spans, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The re.match of snake_case, 1,000 times", "the re match of snake case 1 000 times"),
        ("don’t, aujourd'hui", "don't aujourd'hui"),
        ("हिन्दी में लिखा हुआ अनुच्छेद", "हिन्दी में लिखा हुआ अनुच्छेद"),
        ("การอบขนมปังที่บ้าน", "การ อบ ขนมปัง ที่ บ้าน"),
        ("น้ำตาลและน้ำ", "น้ำตาล และ น้ำ"),
        ("ភាសាខ្មែរជាភាសា", "ភាសាខ្មែរ ជា ភាសា"),
        ("狐と狼は動物です", "狐 と 狼 は 動物 です"),
        ("人工智能的发展", "人工 智能 的 发展"),
        ("የአማርኛ ጽሑፍ።ነው", "የአማርኛ ጽሑፍ ነው"),
        ("ＡＢＣ Straße İ", "abc strasse i̇"),
        ("😀 𠀀𠀁 wörld", "𠀀 𠀁 wörld"),
        ("\ud800é a", "é a"),
        ("👩‍👩‍👧 !!! …", ""),
    ],
)
def test_words_are_segmented_in_any_script(text: str, found: str) -> None:
    assert words(text) == found.split()


@pytest.mark.parametrize("language", PARAGRAPHS)
def test_words_are_longer_than_letters_and_no_sign_is_a_word(language: str) -> None:
    text = " ".join(f"{title} {snippet}" for title, snippet in PARAGRAPHS[language])
    found = words(text)
    assert sum(map(len, found)) / len(found) > 1.4
    assert not [word for word in found if not any(map(str.isalnum, word))]
    assert words(" ".join(found)) == found  # a query made of words is segmented into the same words


@given(st.text("aZ09' .-_:,;\"/$~\n()\x00"))
def test_ascii_is_segmented_like_icu_does(text: str) -> None:
    spaced = re.sub("[._:;,]", " ", text)
    assert words(text) == [cut.lower() for cut in WordBreaker(spaced, "en") if any(map(str.isalnum, cut))]


@given(st.text())
def test_spans_are_the_positions_of_the_words(text: str) -> None:
    spans = word_spans(text)
    assert len(words(text)) == len(spans)
    assert all(any(map(str.isalnum, text[start:end])) for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)


def test_punctuation_splits_runs_but_hyphens_do_not() -> None:
    assert runs("Red foxes, and ice-cold nights.") == [["red", "foxes"], ["and", "ice", "cold", "nights"]]
    assert runs("कुत्ता, बिल्ली।") == [["कुत्ता"], ["बिल्ली"]]
