from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.simulated_web import draw, truth
from corpus.simulated_web.model import MODEL, Kind
from corpus.simulated_web.pages import Web, grow
from corpus.simulated_web.quality import attraction, click_chance, pair_quality
from corpus.simulated_web.readers import Readers
from corpus.simulated_web.text import page_table, urls
from corpus.simulated_web.write import chunks, write
from corpus.tables.reader import read
from corpus.text.page_text import fingerprints
from corpus.urls.url import canonical

PAGES, SESSIONS = 4_000, 4_000
TABLES = ("pages", "clicks", "impressions", "labels")


@pytest.fixture(scope="module")
def web() -> Web:
    return grow(PAGES, seed=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("web")
    write(out, PAGES, SESSIONS, seed=0)
    return out


def table(data: Path, name: str) -> dict[str, np.ndarray]:
    rows = pq.read_table(data / f"{name}.parquet")
    return {column: rows[column].to_numpy(zero_copy_only=False) for column in rows.column_names}


def digest(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def test_no_row_of_the_simulated_tables_is_rejected(data: Path, tmp_path: Path) -> None:
    report = read(data, tmp_path)
    assert set(report.tables) == set(TABLES)
    assert all(found.rejected == {} and found.read > PAGES / 2 for found in report.tables.values())


def test_the_same_seed_gives_the_same_files(data: Path, tmp_path: Path) -> None:
    write(tmp_path / "same", PAGES, SESSIONS, seed=0)
    write(tmp_path / "other", PAGES, SESSIONS, seed=1)
    assert digest(tmp_path / "same") == digest(data)
    assert not set(digest(tmp_path / "other").values()) & set(digest(data).values())


def test_too_few_pages_are_refused() -> None:
    with pytest.raises(ValueError, match="999 pages are too few"):
        grow(999, seed=0)


def test_urls_are_canonical_and_unique(web: Web) -> None:
    found = urls(web, np.arange(len(web))).to_pylist()
    assert len(set(found)) == len(web)
    assert all(canonical(url) == url for url in found)


def test_the_text_of_a_page_does_not_depend_on_the_chunk(web: Web) -> None:
    whole = page_table(web, np.arange(100, 200)).to_pylist()
    assert page_table(web, np.arange(150, 151)).to_pylist() == whole[50:51]


def test_chunks_cover_all_numbers_once() -> None:
    assert np.concatenate(list(chunks(45_000))).tolist() == list(range(45_000))


def test_kinds_have_their_shares(web: Web) -> None:
    share = np.bincount(web.kind, minlength=len(Kind)) / len(web)
    wanted = (MODEL.clickbait, MODEL.spam, MODEL.duplicates, MODEL.redirects)
    assert share[1:] == pytest.approx(wanted, abs=0.02)


def test_half_of_the_duplicates_are_verbatim_copies(web: Web) -> None:
    copies = np.flatnonzero(web.kind == Kind.DUPLICATE)
    of = web.source[copies]
    texts = page_table(web, np.arange(len(web)))["body"].to_pylist()
    prints = fingerprints(texts)
    apart = np.bitwise_count(prints[copies] ^ prints[of])
    assert 0.3 < (apart <= 3).mean() < 0.7  # a filter finds these; only a judge finds the others


def test_a_copy_has_the_topic_and_language_of_its_source(web: Web) -> None:
    copies = np.flatnonzero(web.source != np.arange(len(web)))
    assert (web.kind[copies] >= Kind.DUPLICATE).all()
    assert (web.leaf[copies] == web.leaf[web.source[copies]]).all()
    assert (web.language[copies] == web.language[web.source[copies]]).all()


def small(web: Web, **columns: list[float]) -> Web:
    """Return five hand-made pages: in the same leaf, branch, root, and elsewhere."""
    from dataclasses import replace

    count = 5
    width = web.tree.width
    by_hand = {
        "language": np.zeros(count, np.int8),
        "leaf": np.array([0, 0, 1, width, width**2], np.int32),
        "facet": np.array([0, 1, 0, 0, 0], np.int8),
        "kind": np.zeros(count, np.int8),
        "source": np.arange(count, dtype=np.int32),
        "host": np.zeros(count, np.int32),
        "worth": np.full(count, 0.5, np.float32),
        "charm": np.ones(count, np.float32),
        "popularity": np.ones(count, np.float32),
    }
    return replace(web, **by_hand | {name: np.array(v, by_hand[name].dtype) for name, v in columns.items()})


def test_quality_matches_a_manual_calculation(web: Web) -> None:
    zero = np.zeros(5, int)
    quality = pair_quality(small(web), zero, np.arange(5))
    assert quality == pytest.approx([0, 2, 2 * 0.6, 2 * 0.25, 2 * 0.02])  # the page itself is worth nothing


def test_a_page_of_the_same_facet_is_worth_less(web: Web) -> None:
    same = small(web, facet=[0, 0, 0, 0, 0])
    assert pair_quality(same, np.array([0]), np.array([1])) == pytest.approx([2 * 0.8])


@pytest.mark.parametrize(
    "useless",
    [
        {"kind": [0, Kind.SPAM, 0, 0, 0]},
        {"kind": [0, Kind.REDIRECT, 0, 0, 0]},
        {"kind": [0, Kind.DUPLICATE, 0, 0, 0], "source": [0, 0, 2, 3, 4]},
        {"language": [0, 1, 0, 0, 0]},
    ],
)
def test_spam_redirects_copies_and_other_languages_are_worth_nothing(web: Web, useless) -> None:
    assert pair_quality(small(web, **useless), np.array([0]), np.array([1])).tolist() == [0]


def test_clickbait_attracts_like_a_good_page(web: Web) -> None:
    bait = small(web, kind=[0, Kind.CLICKBAIT, 0, 0, 0], worth=[1, 0.1, 1, 1, 1])
    good = small(web, worth=[1, 0.8, 1, 1, 1])
    pair = np.array([0]), np.array([1])
    assert attraction(bait, *pair)[0] == pytest.approx(attraction(good, *pair)[0], rel=0.05)
    assert pair_quality(bait, *pair)[0] < pair_quality(good, *pair)[0] / 5


def test_the_click_probability_matches_a_manual_calculation(web: Web) -> None:
    answer = np.array([[1, 2, -1]])
    first, second = 0.28, 0.28 * 0.7 / 2**0.8  # worth ½ promises 0.17 + 0.11; the second page is in the same branch
    assert click_chance(small(web), np.array([0]), answer) == pytest.approx([1 - (1 - first) * (1 - second)])


def test_impressions_follow_the_model(web: Web, data: Path) -> None:
    rows = table(data, "impressions")
    clicks = [rows["clicked"][rows["position"] == place].mean() for place in (1, 2, 3, 4, 5)]
    assert clicks == sorted(clicks, reverse=True)
    first = np.unique(rows["impression"], return_index=True)[1]
    assert rows["random"][first].mean() == pytest.approx(MODEL.explore, abs=0.015)
    assert (np.isnan(rows["dwell_s"]) == ~rows["clicked"]).all()


def test_readers_leave_clickbait_soon(web: Web) -> None:
    pages = np.repeat(np.flatnonzero(web.popularity > 0)[:400], 20)
    shown = Readers(web).shown(pages, np.random.default_rng(0))
    bait = web.kind[shown.page] == Kind.CLICKBAIT
    good = pair_quality(web, pages[:, None], shown.page) > 2
    stayed = [np.median(shown.dwell_s[shown.clicked & kind]) for kind in (bait, good)]
    assert stayed[0] < 20 < 40 < stayed[1]


def test_a_third_of_the_good_pages_is_not_in_the_log(web: Web, data: Path) -> None:
    everything = urls(web, np.arange(len(web))).to_pylist()
    seen = set(table(data, "clicks")["url"]) | set(table(data, "impressions")["url2"])
    good = np.flatnonzero((web.worth > 0.7) & (web.kind == Kind.ARTICLE)).tolist()
    unread = [i for i in good if web.popularity[i] == 0]
    assert len(unread) / len(good) == pytest.approx(MODEL.unread, abs=0.05)
    assert not seen & {everything[i] for i in unread}


def test_a_list_is_deterministic_and_without_repeats(web: Web) -> None:
    readers, pages = Readers(web), np.arange(200)
    listed = readers.listed(pages)
    assert (readers.listed(pages[50:60]) == listed[50:60]).all()
    for page, row in zip(pages.tolist(), listed.tolist(), strict=True):
        real = [other for other in row if other >= 0]
        assert len(set(real)) == len(real)
        assert page not in real


def test_the_truth_contains_every_shown_pair_once(web: Web, data: Path) -> None:
    shown, told = table(data, "impressions"), table(data, "truth")
    pairs = list(zip(told["url1"], told["url2"], strict=True))
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == set(zip(shown["url1"], shown["url2"], strict=True))


def test_the_judge_is_as_noisy_as_stated(web: Web, data: Path) -> None:
    labels = table(data, "labels")
    number = {url: i for i, url in enumerate(urls(web, np.arange(len(web))).to_pylist())}
    left, right = (np.array([number[url] for url in labels[name]]) for name in ("url1", "url2"))
    exact = pair_quality(web, left, right)
    inside = (exact > 1.2) & (exact < 2.8)  # elsewhere the ends of the scale clip the noise
    error = np.abs(labels["quality"] - exact)[inside]
    assert np.median(error) == pytest.approx(0.674 * MODEL.judge_noise, rel=0.1)
    assert (error > 4 * MODEL.judge_noise).mean() < MODEL.judge_slips


def test_the_web_is_read_as_it_was_written(web: Web, data: Path) -> None:
    stored, addresses = truth.read(data / truth.PAGES)
    assert stored.model == web.model
    assert addresses == urls(web, np.arange(len(web))).to_pylist()
    pairs = np.random.default_rng(0).integers(len(web), size=(2, 1000))
    assert (pair_quality(stored, *pairs) == pair_quality(web, *pairs)).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 2**16))
def test_draws_are_in_range_and_depend_on_every_key(seed: int, stream: int) -> None:
    keys = np.arange(50)
    drawn = draw.uniform(seed, stream, keys, 3)
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert len({*drawn.tolist(), *draw.uniform(seed, stream, keys, 4).tolist()}) == 100


def test_draws_are_uniform() -> None:
    counts = np.bincount(draw.below(10, 0, 1, np.arange(100_000)), minlength=10)
    assert counts == pytest.approx(np.full(10, 10_000), rel=0.05)
