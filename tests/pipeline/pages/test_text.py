import numpy as np

from pipeline.config import TextConfig
from pipeline.pages.text import _by_language, _neighbours

PAGES = np.array([3, 5, 8, 9], np.uint64)


def test_a_page_without_a_vector_has_no_text_neighbours() -> None:
    vectors = np.array([[1, 0], [0, 0], [0.8, 0.6], [0, 0]], np.float32)
    rows = _neighbours(PAGES, vectors, TextConfig()).to_pylist()
    weights = {(row["page"], row["neighbour"]): row["weight"] for row in rows}
    assert weights == {(3, 3): 1, (5, 5): 1, (8, 8): 1, (9, 9): 1, (3, 8): 1, (8, 3): 1}


def test_a_site_without_vectors_has_no_text_neighbours() -> None:
    rows = _neighbours(PAGES, np.zeros((4, 2), np.float32), TextConfig()).to_pylist()
    assert {(row["page"], row["neighbour"]) for row in rows} == {(page, page) for page in PAGES.tolist()}


def test_shares_are_reported_for_languages_in_the_mask() -> None:
    read = _by_language(["th", "th", "en", ""], {"unreadable": np.array([True, False, False, True])})
    assert read == {"unreadable": {"?": 1.0, "th": 0.5}}
