from string import Template

import pytest

from configs.reading import SettingsError
from corpus.files.pairs import TextPair
from prompting.judge_prompt import NAMES, load_prompt


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_has_exactly_the_placeholders_of_a_pair(name: str) -> None:
    assert set(load_prompt(name).template.get_identifiers()) == set(TextPair._fields)


@pytest.mark.parametrize("name", NAMES)
def test_text_of_a_page_is_inserted_verbatim(name: str) -> None:
    pair = TextPair("https://a.example/", "Costs $url2", "{x} $5", "https://b.example/", "B", "C")
    filled = load_prompt(name).fill(pair)
    assert "Title: Costs $url2\nSnippet: {x} $5\n" in filled
    assert Template(filled).template.count("https://b.example/") == 1


def test_a_long_page_is_cut() -> None:
    pair = TextPair("https://a.example/", "A", "word " * 10_000, "https://b.example/", "B", "C")
    assert len(load_prompt("B").fill(pair)) < 5_000


def test_prompt_c_reasons_over_every_aspect_before_it_scores() -> None:
    text = load_prompt("C").template.template
    aspects = ["T, topicality and enrichment", "A, authority", "L, location and language", "S, spam", "Zero rules"]
    places = [text.index(aspect) for aspect in [*aspects, "- final_score: a whole number"]]
    assert places == sorted(places)


def test_an_unknown_prompt_is_one_clear_error() -> None:
    with pytest.raises(SettingsError, match="unknown prompt D: the prompts are A, B, C"):
        load_prompt("D")
