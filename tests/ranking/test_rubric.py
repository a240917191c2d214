import numpy as np
import pyarrow as pa
import pytest

from ranking.quality.pages import JudgedPages, Pairs
from ranking.quality.rubric import Rubric, RubricJudge

# url, title, snippet, language, fingerprint, address, spam
ROWS = [
    ("https://a.example/red-fox", "Red fox", "the red fox hunts small rodents at night", "en", 0b1111 << 40, 1, False),
    (
        "https://a.example/arctic-fox",
        "Arctic fox",
        "the arctic fox hunts lemmings and other rodents",
        "en",
        9,
        2,
        False,
    ),
    ("https://a.example/granite", "Granite", "a stone of quartz and feldspar", "en", 7 << 20, 3, False),
    ("https://a.example/copy", "Red fox", "the red fox hunts small rodents at night", "en", 0b1110 << 40, 4, False),
    ("http://www.a.example/red-fox", "Red fox", "the red fox", "en", 0, 1, False),
    ("https://a.example/renard", "Renard roux", "le renard roux chasse la nuit", "fr", 5 << 30, 6, False),
    ("https://a.example/buy", "Red fox", "buy red fox fur now", "en", 3 << 50, 7, True),
    (
        "http://a.example/arctic-fox2",
        "Arctic fox",
        "the arctic fox hunts lemmings and other rodents",
        "en",
        1 << 9,
        8,
        False,
    ),
    ("https://a.example/no-words", "Fox", "", "", 0, 9, False),
]
FOX, ARCTIC, GRANITE, COPY, RESPELT, FRENCH, SPAM, INSECURE, THIN = range(len(ROWS))


@pytest.fixture(scope="module")
def pages() -> JudgedPages:
    names = ("url", "title", "snippet", "language", "fingerprint", "address", "spam")
    columns = dict(zip(names, map(list, zip(*ROWS, strict=True)), strict=True))
    for name in ("fingerprint", "address"):
        columns[name] = pa.array(columns[name], pa.uint64())
    return JudgedPages.from_table(pa.table(columns))


def quality(pages: JudgedPages, left: int, right: int, likeness: float = 0.6, rubric: Rubric | None = None) -> float:
    pairs = Pairs(pages, np.array([left]), np.array([right]))
    return float(RubricJudge(rubric or Rubric()).judge(pairs, np.array([likeness], np.float32))[0])


def test_a_related_topic_is_good(pages: JudgedPages) -> None:
    assert quality(pages, FOX, ARCTIC) > 3.0


def test_an_unrelated_page_is_useless(pages: JudgedPages) -> None:
    assert quality(pages, FOX, GRANITE, likeness=0.05) < 1.0


def test_quality_grows_with_the_likeness(pages: JudgedPages) -> None:
    assert quality(pages, FOX, ARCTIC, 0.1) < quality(pages, FOX, ARCTIC, 0.3) < quality(pages, FOX, ARCTIC, 0.6)


def test_shared_rare_words_raise_quality(pages: JudgedPages) -> None:
    assert quality(pages, FOX, ARCTIC, 0.3) > quality(pages, FOX, GRANITE, 0.3)


def test_repetition_costs_a_little(pages: JudgedPages) -> None:
    alike, neighbour = quality(pages, FOX, THIN, 1.0), quality(pages, FOX, THIN, 1.0, Rubric(repeats_from=0.3))
    assert 2.0 < neighbour < alike


@pytest.mark.parametrize("right", [FOX, COPY, RESPELT, FRENCH, SPAM])
def test_duplicates_other_languages_and_spam_are_worth_nothing(pages: JudgedPages, right: int) -> None:
    assert quality(pages, FOX, right, likeness=0.7) == 0.0


def test_an_unknown_language_matches_any(pages: JudgedPages) -> None:
    assert quality(pages, FRENCH, THIN) > 0.0


def test_a_page_without_https_loses_a_tenth(pages: JudgedPages) -> None:
    assert quality(pages, FOX, INSECURE) == pytest.approx(0.9 * quality(pages, FOX, ARCTIC), rel=0.02)


def test_labels_stay_between_0_and_4(pages: JudgedPages) -> None:
    rows = np.arange(len(pages))
    left, right = (grid.ravel() for grid in np.meshgrid(rows, rows))
    likeness = np.random.default_rng(1).uniform(-1, 1, len(left)).astype(np.float32)
    labels = RubricJudge().judge(Pairs(pages, left, right), likeness)
    assert labels.dtype == np.float32
    assert labels.min() == 0.0
    assert labels.max() <= 4.0


def test_one_likeness_per_pair_is_required(pages: JudgedPages) -> None:
    with pytest.raises(ValueError, match="2 likenesses for 1 pairs"):
        RubricJudge().judge(Pairs(pages, np.array([0]), np.array([1])), np.zeros(2, np.float32))


def test_no_pairs_get_no_labels(pages: JudgedPages) -> None:
    none = np.empty(0, np.intp)
    assert len(RubricJudge().judge(Pairs(pages, none, none), np.empty(0, np.float32))) == 0
