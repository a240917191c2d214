from itertools import groupby

import numpy as np
import pytest

from corpus.files.pairs import PairFile, TextPair
from corpus.schema import InputError
from evaluation.golden import accuracies, check_golden, disagreements, sampled

RATE = np.array([0.0, 0.5, 1.0, np.nan])
FILE = PairFile(
    [TextPair(f"https://a.example/{n}", "A", "", f"https://b.example/{n}", "B", "") for n in range(4)],
    {"good_rate": RATE, "good": np.array([0.0, 1.0, 1.0, 0.0]), "similarity": np.array([0.0, 1.0, 2.0, 1.0])},
)
PERFECT = np.array([0.0, 2.0, 4.0, 3.0], np.float32)
PARTLY = np.array([4.0, np.nan, 0.0, 1.0], np.float32)


def test_a_judge_is_measured_on_pairs_with_label_and_score() -> None:
    found = {(one.judge, one.label): one for one in accuracies(FILE, {"perfect": PERFECT, "partly": PARTLY})}
    assert found["perfect", "good_rate"].accuracy.mean == 1.0
    assert found["perfect", "good_rate"].pairs == 3
    assert found["perfect", "good_rate, similarity > 0"].pairs == 2
    assert found["partly", "good_rate"].accuracy.mean == 0.0
    assert found["partly", "good"].pairs == 3


def test_the_largest_disagreements_come_first() -> None:
    listed = disagreements(FILE, {"perfect": PERFECT, "partly": PARTLY}, most=2)
    assert listed["url1"].to_pylist() == ["https://a.example/0", "https://a.example/2"]
    assert listed["disagreement"].to_pylist() == [0.5, 0.5]  # the mean of 0 and 1 for each
    assert listed["partly"].to_pylist() == [4.0, 0.0]


def test_pairs_without_label_or_score_are_not_listed() -> None:
    nothing = np.full(4, np.nan, np.float32)
    assert len(disagreements(FILE, {"perfect": PERFECT}, most=9)) == 3
    assert len(disagreements(FILE, {"nothing": nothing}, most=9)) == 0


def test_golden_pairs_need_a_label() -> None:
    with pytest.raises(InputError, match="add a column good_rate, quality, good"):
        check_golden(PairFile(FILE.pairs, {"similarity": np.ones(4)}))


def of_first_pages(*sizes: int) -> PairFile:
    """Return pairs of some first pages, so many of each, those of one page apart from each other."""
    firsts = [page for turn in range(max(sizes)) for page, size in enumerate(sizes) if turn < size]
    pairs = [
        TextPair(f"https://a.example/{n}", "A", "", f"https://b.example/{m}", "B", "") for m, n in enumerate(firsts)
    ]
    return PairFile(pairs, {"good": np.arange(len(pairs), dtype=np.float64)})


def test_a_sample_has_all_pairs_of_its_first_pages_side_by_side() -> None:
    file = of_first_pages(3, 4, 2, 5, 3)
    drawn = sampled(file, 8)
    urls = [pair.url1 for pair in drawn.pairs]
    assert 3 < len(drawn) <= 8
    assert len(list(groupby(urls))) == len(set(urls))
    assert all(urls.count(url) == sum(pair.url1 == url for pair in file.pairs) for url in urls)
    assert drawn.labels["good"].tolist() == [float(file.pairs.index(pair)) for pair in drawn.pairs]


def test_a_sample_has_at_least_one_first_page_and_at_most_all() -> None:
    assert len({pair.url1 for pair in sampled(of_first_pages(3, 3), 1).pairs}) == 1
    assert len(sampled(of_first_pages(3, 3), 100)) == 6
