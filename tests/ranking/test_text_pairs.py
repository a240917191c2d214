"""The rubric with the packaged encoder, on pairs in every language."""

import numpy as np
import pytest
from paragraphs import PARAGRAPHS, Page

from corpus.files.pairs import TextPair
from ranking.quality.text_pairs import RubricTextJudge


@pytest.fixture(scope="module")
def judge() -> RubricTextJudge:
    return RubricTextJudge()


def pairs(of: list[tuple[Page, Page]]) -> list[TextPair]:
    return [TextPair("https://a.example/1", *one, "https://b.example/2", *two) for one, two in of]


@pytest.mark.parametrize("language", PARAGRAPHS)
def test_unrelated_pages_score_lower_than_related_ones_in_any_language(judge: RubricTextJudge, language: str) -> None:
    four = PARAGRAPHS[language]
    quality = judge.judge(pairs(four.unrelated + four.related)).quality
    unrelated, related = quality[:4], quality[4:]
    assert unrelated.max() < 1.0
    assert related.min() > np.median(unrelated) + 0.25
    lone = [judge.judge(pairs([pair])).quality[0] for pair in (four.unrelated[0], four.related[0])]
    assert lone[0] < 0.75 < lone[1]


def test_emoji_and_unknown_scripts_have_no_cosine(judge: RubricTextJudge) -> None:
    odd = [(("😀 😀", "🍞 🍞"), ("⚽ ⚽", "🥅 🥅")), (PARAGRAPHS["km"].bread, PARAGRAPHS["km"].football)]
    assert np.isnan(judge.cosine(pairs(odd))).all()
    assert judge.judge(pairs(odd)).quality.max() < 1.0
