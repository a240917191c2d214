"""Language tags: one code per language that its readers understand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.text.language_tags import LanguageTagError, language_of


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("no", "no nb nn nb-NO nn_NO nor nob NO"),
        ("zh", "zh zh-Hans zh-Hant-TW zh_CN cmn cmn-Hans yue zho chi wuu zh-yue"),
        ("pt", "pt pt-BR pt_PT por PT-br"),
        ("ar", "ar arz ar-EG ara arb apc"),
        ("he", "he iw heb iw-IL"),
        ("id", "id in ind in_ID"),
        ("yi", "yi ji yid"),
        ("jv", "jv jw"),
        ("tl", "tl fil fil-PH tgl"),
        ("fa", "fa prs pes fa-AF"),
        ("sr", "sr sr-Latn sr-Cyrl-RS srp"),
        ("hr", "hr hrv"),
        ("ms", "ms zsm msa may"),
        ("de", "de de-AT deu ger de-CH-1996"),
        ("sw", "sw swh"),
        ("et", "et ekk"),
        ("ro", "ro mo"),
        ("en", "en en-GB eng en-x-private"),
        ("gsw", "gsw gsw-CH"),
        ("ceb", "ceb"),
    ],
)
def test_all_tags_of_a_language_have_one_code(code: str, tags: str) -> None:
    assert {language_of(tag) for tag in tags.split()} == {code}


_APART = "sr hr bs id ms jv da no sv nl af cs sk ru uk bg de gsw nds lb es gl ca pt"


def test_languages_that_are_written_differently_have_different_codes() -> None:
    tags = _APART.split()
    assert len({language_of(tag) for tag in tags}) == len(tags)


@pytest.mark.parametrize("tag", ["", "und", "mul", "zxx", "mis", "und-Latn"])
def test_a_tag_that_tells_no_language_is_unknown(tag: str) -> None:
    assert language_of(tag) == ""


@pytest.mark.parametrize(
    "tag", ["e", "english", "1a", "日本", "en-", "en--GB", " en", "en GB", "x-klingon", "NULL", "en\n"]
)
def test_what_is_no_tag_is_named(tag: str) -> None:
    with pytest.raises(LanguageTagError, match="is not a language tag"):
        language_of(tag)


@given(st.from_regex(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,2}", fullmatch=True))
def test_every_tag_has_a_short_code_or_none_and_the_code_is_its_own(tag: str) -> None:
    code = language_of(tag)
    assert code == "" or (code.isascii() and code.islower() and len(code) in (2, 3))
    assert language_of(code) == code
