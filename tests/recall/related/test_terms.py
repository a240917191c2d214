import numpy as np
import pytest

from recall.related.terms import Vocabulary, title_queries, unit_rows, weighted

TEXTS = [["rose", "hedge", "rose"], ["rose", "bread"], ["bread", "oven", "oven"], []]


def read(texts: list[list[str]] = TEXTS) -> Vocabulary:
    vocabulary = Vocabulary()
    for text in texts:
        vocabulary.add(text)
    return vocabulary


def test_words_are_weighted_as_bm25_does() -> None:
    weights, idf = weighted(read(), terms=9, common=9)
    rose = read().number["rose"]
    length, mean = 3, 8 / 4
    expected = np.log1p((4 - 2 + 0.5) / (2 + 0.5)) * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * length / mean))
    assert weights[0, rose] == pytest.approx(expected)
    assert idf[rose] == pytest.approx(np.log1p(2.5 / 2.5))


def test_the_heaviest_words_of_a_page_stay() -> None:
    weights, _ = weighted(read(), terms=1, common=9)
    assert np.diff(weights.indptr).tolist() == [1, 1, 1, 0]
    assert weights[2, read().number["oven"]] > 0


def test_a_word_on_many_pages_is_left_out() -> None:
    weights, _ = weighted(read(), terms=9, common=1)
    assert weights[0, read().number["rose"]] == 0
    assert weights[0, read().number["hedge"]] > 0


def test_pages_with_the_same_words_have_cosine_one_and_pages_without_words_none() -> None:
    weights, _ = weighted(read([["rose", "hedge"], ["hedge", "rose"], [], ["oven"]]), terms=9, common=9)
    unit = unit_rows(weights)
    cosine = (unit @ unit.T).toarray()
    assert cosine[0, 1] == pytest.approx(1)
    assert cosine[0, 2] == cosine[2, 2] == cosine[0, 3] == 0


def test_a_title_matches_texts_that_have_its_words() -> None:
    vocabulary = read()
    weights, idf = weighted(vocabulary, terms=9, common=9)
    titles = title_queries([["oven"], ["rose", "rose"], ["unheard"], []], vocabulary, idf)
    score = (titles @ weights.T).toarray()
    assert score[0].argmax() == 2
    assert 0 < score[0, 2] <= 1
    assert score[1, 0] > score[1, 1] > score[1, 2] == 0
    assert not score[2:].any()
