"""Facts derived from text: cleaning, fingerprints, language, spam."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paragraphs import PARAGRAPHS

from corpus.text.page_text import clean, detect_languages, fingerprints, is_adult, is_spam, language_shares

LONG = (
    "The red fox is the largest of the true foxes and one of the most widely distributed members of the order "
    "Carnivora, being present across the entire Northern Hemisphere including most of North America and Europe"
)


def bits(first: np.uint64, second: np.uint64) -> int:
    return int(np.bitwise_count(first ^ second))


@given(st.text())
def test_clean_text_is_one_encodable_line_and_cleaning_is_idempotent(text: str) -> None:
    once = clean(text)
    once.encode("utf-8")
    assert clean(once) == once
    assert "\n" not in once
    assert once == once.strip()


def test_clean_drops_control_characters_and_collapses_white_space() -> None:
    assert clean(" a\x00b\t\n c\u202e\ufeff\u00a0d ") == "ab c d"


def test_a_near_duplicate_differs_in_few_bits_and_another_text_in_many() -> None:
    other = "Completely different words about computer programming, garbage collection, operating systems, " * 2
    same, near, far = fingerprints([LONG, LONG.replace("largest", "biggest"), other])
    assert bits(same, near) <= 10
    assert bits(same, far) >= 18


def test_case_and_punctuation_do_not_change_a_fingerprint() -> None:
    first, second = fingerprints([LONG, LONG.upper().replace(" ", " - ")])
    assert first == second


def test_word_order_changes_a_fingerprint() -> None:
    first, second = fingerprints([LONG, " ".join(reversed(LONG.split()))])
    assert first != second


def test_short_and_empty_texts_have_no_fingerprint() -> None:
    assert fingerprints(["", "a short caption", "!!!"]).tolist() == [0, 0, 0]
    assert fingerprints([]).shape == (0,)


def test_a_text_without_spaces_has_a_fingerprint() -> None:
    assert fingerprints(["赤狐是最大的真狐，也是食肉目中分布最广的成员之一，遍布整个北半球"])[0] != 0


def test_a_fingerprint_does_not_depend_on_other_texts_in_the_batch() -> None:
    many = fingerprints([f"{LONG} {i}" for i in range(3000)])
    assert many[2500] == fingerprints([f"{LONG} 2500"])[0]
    assert len(np.unique(many)) > 1


def test_twenty_thousand_fingerprints_take_seconds() -> None:
    texts = [f"{LONG} {i}" for i in range(20_000)]
    start = time.process_time()
    fingerprints(texts)
    assert time.process_time() - start < 8


def test_languages_are_detected_in_texts_with_enough_words() -> None:
    texts = [
        LONG,
        "Die Bundesregierung hat am Montag ein neues Gesetz beschlossen",
        "人工智能的发展",
        "ok",
        "",
        "1234 !!",
    ]
    assert detect_languages(texts) == ["en", "de", "zh", "", "", ""]


@pytest.mark.parametrize(("text", "language"), [("how to locate and replace fuses", "en"), ("富士山の登山", "ja")])
def test_language_shares_add_up_to_one(text: str, language: str) -> None:
    shares = language_shares(text)
    assert max(shares, key=lambda other: shares[other]) == language
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)


def test_importing_the_module_does_not_load_the_language_model() -> None:
    code = "import sys, corpus.text.page_text; sys.exit('py3langid' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_stuffed_shouting_and_link_pages_are_spam() -> None:
    assert is_spam("cheap shoes", "cheap shoes buy cheap shoes online cheap shoes shoes cheap shoes best cheap shoes")
    assert is_spam("BUY THE BEST CHEAP WATCHES ONLINE TODAY", "A shop.")
    assert is_spam("Win a phone!!!", "Now.")
    assert is_spam("Links", " ".join(f"https://example{i}.org/" for i in range(8)))


def test_ordinary_pages_are_not_spam() -> None:
    assert not is_spam("Red fox", LONG)
    assert not is_spam("NASA", "The National Aeronautics and Space Administration.")
    assert not is_spam("", "")
    assert not is_spam("Poor Law", "[History / British History / British History 1500 and before; History / General]")


@pytest.mark.parametrize(
    ("url", "title", "snippet", "adult"),
    [
        ("https://a.example/hentai", "", "", True),
        ("https://a.example/1", "Free porn clips", "", True),
        ("https://a.example/1", "Clips", "cumshot and milf", True),
        ("https://a.example/1", "How filters work", "A filter for porn on school networks", False),
        ("https://a.example/1", "Sex education", "breast, penis, vulva and what they are for", False),
        ("https://a.example/1", "Games of the XXX Olympiad", "held in Middlesex", False),
    ],
)
def test_adult_pages_are_detected_by_unambiguous_words(url: str, title: str, snippet: str, adult: bool) -> None:
    assert is_adult(url, title, snippet) is adult


@pytest.mark.parametrize("language", PARAGRAPHS)
def test_an_ordinary_page_is_not_spam_in_any_language(language: str) -> None:
    pages = PARAGRAPHS[language]
    assert [title for title, snippet in pages if is_spam(title, snippet)] == []
    assert not is_spam(pages.bread[0], " ".join(snippet for _, snippet in pages) * 2)


def test_a_long_or_repeated_licence_is_not_spam() -> None:
    licence = (Path(__file__).parents[3] / "LICENSE").read_text()
    assert not is_spam("License", licence)
    assert not is_spam("Licenses", licence * 20)


@pytest.mark.parametrize(
    ("title", "phrase"),
    [
        ("Cheap shoes", "buy cheap shoes online now"),
        ("รองเท้าราคาถูก", "ซื้อรองเท้าราคาถูกออนไลน์"),
        ("सस्ते जूते", "सस्ते जूते ऑनलाइन खरीदें"),
        ("Дешёвая обувь", "купить дешёвую обувь онлайн"),
        ("便宜的鞋子", "网上购买便宜鞋子"),
        ("안경 싸게", "안경 싸게 사는 곳 추천"),
        ("أحذية رخيصة", "شراء أحذية رخيصة عبر الإنترنت"),
        ("ርካሽ ጫማ", "ርካሽ ጫማ በኢንተርኔት ይግዙ"),
        ("ស្បែកជើងថោក", "ទិញស្បែកជើងថោកតាមអ៊ីនធឺណិត"),
    ],
)
def test_a_repeated_phrase_is_spam_in_any_language(title: str, phrase: str) -> None:
    assert is_spam(title, " ".join([phrase] * 12))


def test_a_repeated_sentence_is_spam() -> None:
    assert is_spam("Foxes", LONG * 12)


def test_a_table_of_numbers_is_not_spam() -> None:
    assert not is_spam("League table", "Home club played won drawn lost points " + "0 1 1 0 2 1 0 " * 20)


def test_full_width_exclamation_marks_count_as_shouting() -> None:
    assert is_spam("今すぐ登録！！！", "無料です")


@pytest.mark.parametrize("language", ["th", "hi", "km", "zh"])
def test_near_duplicates_are_detected_in_scripts_without_spaces_and_with_vowel_signs(language: str) -> None:
    (_, bread), (_, rye), (_, football), _ = PARAGRAPHS[language]
    text = f"{bread} {rye}"
    same, near, far = fingerprints([text, text + football[:9], football * 2])
    assert bits(same, near) < bits(same, far)
    assert same != 0
