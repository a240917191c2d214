from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from cascade.types import Candidates, Query
from corpus.urls.url import page_ids
from pipeline.log.withheld import withheld_pages
from pipeline.pages.page_ids import page_ids as page_ids_of
from pipeline.runner.work import Work
from recall.two_tower import build, step
from recall.two_tower.config import TwoTowerConfig
from recall.two_tower.lookup import QueryVectors, TwoTowerCosine, TwoTowerRecall
from recall.two_tower.train import (
    Pairs,
    enough,
    in_batch_softmax,
    principal_axes,
    train_encoder,
    train_heads,
)
from tests.conftest import CONFIG as CONFIGURED
from tests.conftest import Tiny
from tests.recall.half_new import half_new
from text_model.base import load_encoder, write_tokenizer
from text_model.packaged import PACKAGED
from text_model.session import OnnxModel
from text_model.tokens import Marks, PageTokenizer

TITLES = ["red fox", "arctic fox", "grey wolf", "sourdough bread", "rye bread", "bread oven"]
URLS = [f"https://a.example/{number}" for number in range(len(TITLES))]
CONFIG = TwoTowerConfig(dimension=8, head_steps=60, head_batch=32)


def ignored(done: int) -> None:
    """No progress is shown."""


def loss(vectors: list[float], page: list[int], log_q: list[float], query: list[int]) -> float:
    """Return the loss of one-dimensional vectors: query vectors are all 1."""
    pages = torch.tensor(vectors)[:, None]
    return in_batch_softmax(
        torch.ones(len(page), 1), pages, torch.tensor(query), torch.tensor(page), torch.tensor(log_q)[page], 1.0
    ).item()


def test_log_q_lowers_the_logit_of_popular_pages_by_hand() -> None:
    # Pages 0 and 1 score 2 and 1, and are drawn with chances 0.8 and 0.2.
    first, second = math.exp(2) / 0.8, math.exp(1) / 0.2
    expected = -(math.log(first / (first + second)) + math.log(second / (first + second))) / 2
    log_q = [math.log(0.8), math.log(0.2), 0.0, 0.0]
    assert loss([2.0, 1.0], [0, 1], log_q, [2, 3]) == pytest.approx(expected, rel=1e-5)


def test_a_repeated_page_in_a_batch_is_not_a_negative() -> None:
    assert loss([2.0, 2.0], [0, 0], [0.0, 0.0, 0.0], [1, 2]) == pytest.approx(0.0, abs=1e-6)


def test_the_query_page_is_not_a_negative() -> None:
    # Row 0 asks from page 1, which is row 1's page: that leaves row 0 without a negative.
    alone = loss([2.0, 1.0], [0, 1], [0.0, 0.0, 0.0], [1, 2])
    second = -math.log(math.exp(1) / (math.exp(1) + math.exp(2)))
    assert alone == pytest.approx(second / 2, rel=1e-5)


def test_principal_axes_are_orthogonal_and_sorted_by_variance() -> None:
    generator = np.random.default_rng(0)
    embeddings = (generator.normal(size=(200, 5)) * [1, 5, 2, 0.1, 3]).astype(np.float32)
    axes = principal_axes(embeddings, 3)
    assert (axes @ axes.T).numpy() == pytest.approx(np.eye(3), abs=1e-5)
    assert axes.abs().argmax(1).tolist() == [1, 4, 2]


def test_heads_learn_which_page_follows_which() -> None:
    generator = np.random.default_rng(0)
    embeddings = generator.normal(size=(40, 16)).astype(np.float32)
    pairs = Pairs(np.arange(40), (np.arange(40) + 7) % 40, np.ones(40))
    config = TwoTowerConfig(dimension=16, head_steps=120, head_batch=64)
    query_head, page_head, _ = train_heads(embeddings, pairs, config, 0, ignored)
    scores = build.apply_head(query_head, embeddings) @ build.apply_head(page_head, embeddings).T
    assert (scores.argmax(1) == pairs.page).mean() > 0.5  # by chance it would be one in forty


def test_without_pairs_the_heads_keep_the_text_axes() -> None:
    embeddings = np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32)
    none = np.empty(0, np.int64)
    query_head, page_head, _ = train_heads(embeddings, Pairs(none, none, np.empty(0)), CONFIG, 0, ignored)
    query, page = build.apply_head(query_head, embeddings), build.apply_head(page_head, embeddings)
    assert query == pytest.approx(page)
    assert np.linalg.norm(query, axis=1) == pytest.approx(np.ones(20), abs=1e-5)


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    out: Path = tmp_path_factory.mktemp("towers")
    write_tokenizer(PACKAGED, out / "tokenizer.json")
    tokenizer = PageTokenizer(out / "tokenizer.json", 16)
    order = np.argsort(page_ids(URLS))
    urls, titles = [URLS[row] for row in order], [TITLES[row] for row in order]
    tokens, _ = tokenizer.encode(urls, titles, [""] * len(urls))
    encoder = load_encoder(PACKAGED)
    build.export_tower(encoder, None, out / "encoder.onnx")
    embeddings = build.embed(OnnxModel(out / "encoder.onnx"), tokens, tokenizer.marks, ignored)
    rows = {title: row for row, title in enumerate(titles)}
    fox, bread = [rows[t] for t in TITLES[:2]], [rows[t] for t in TITLES[3:]]
    links = [(a, b) for group in (fox, bread) for a in group for b in group if a != b]
    pairs = Pairs(np.array([a for a, _ in links]), np.array([b for _, b in links]), np.ones(len(links)))
    query_head, page_head, _ = train_heads(embeddings, pairs, TwoTowerConfig(dimension=6, head_steps=5), 0, ignored)
    build.export_tower(encoder, query_head, out / "query.onnx")
    index = build.write(out, page_ids(urls), embeddings, query_head, page_head)
    queries = QueryVectors(index.pages, out / "queries.npy", OnnxModel(out / "query.onnx"), tokenizer)
    return SimpleNamespace(index=index, queries=queries, embeddings=embeddings, tokens=tokens, out=out)


def query(url: str, title: str = "") -> Query:
    return Query(url, page=int(page_ids([url])[0]), title=title)


def test_embeddings_have_the_order_of_the_pages(towers: SimpleNamespace) -> None:
    model = OnnxModel(towers.out / "encoder.onnx")
    one = build.embed(model, [towers.tokens[4]], Marks(101, 102, 101), ignored)
    assert (towers.embeddings @ one[0]).argmax() == 4


def test_an_unknown_page_is_near_a_known_page_with_the_same_text(towers: SimpleNamespace) -> None:
    known = towers.queries.vector(query(URLS[3]))
    twin = towers.queries.vector(query("https://new.example/", "sourdough bread"))
    other = towers.queries.vector(query(URLS[2]))
    assert known @ twin > 0.98
    assert known @ twin > known @ other


def test_an_unknown_page_without_text_has_no_vector(towers: SimpleNamespace) -> None:
    assert towers.queries.vector(query("https://new.example/")) is None


def test_an_unknown_page_is_embedded_once(towers: SimpleNamespace) -> None:
    asked = query("https://new.example/once", "rye bread")
    assert towers.queries.vector(asked) is towers.queries.vector(asked)


async def test_pages_with_similar_text_are_recalled_first(towers: SimpleNamespace) -> None:
    with ThreadPoolExecutor(1) as native:
        path = TwoTowerRecall(towers.index, towers.queries, native)
        found = await path.recall(query("https://new.example/", "bread"), 3)
    assert {*found.pages.tolist()} == {*page_ids(URLS[3:]).tolist()}


async def test_cosines_come_from_the_towers(towers: SimpleNamespace) -> None:
    asked = query(URLS[0])
    candidates = Candidates(np.append(page_ids(URLS[1:3]), np.uint64(5)))
    with ThreadPoolExecutor(1) as native:
        hydrated = await TwoTowerCosine(towers.index, towers.queries, native).hydrate(asked, candidates)
        unknown = await TwoTowerCosine(towers.index, towers.queries, native).hydrate(
            query("https://new.example/"), candidates
        )
    column = hydrated["two_tower_cosine"]
    assert column[0] == pytest.approx(towers.queries.vector(asked) @ towers.index.vector(int(candidates.pages[0])))
    assert np.isnan(column).tolist() == [False, False, True]
    assert np.isnan(unknown["two_tower_cosine"]).all()


def test_a_resumed_encoder_training_ends_at_the_same_weights(tmp_path: Path) -> None:
    def encoder() -> BertModel:
        torch.manual_seed(0)
        shape = BertConfig(
            vocab_size=60, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
            attn_implementation="eager",
        )  # fmt: skip
        return BertModel(shape)

    def inputs(rows: np.ndarray) -> dict[str, torch.Tensor]:
        ids = torch.from_numpy(rows)[:, None] + torch.arange(3)
        return {"input_ids": ids, "token_type_ids": torch.zeros_like(ids), "attention_mask": torch.ones_like(ids)}

    def kill(done: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    pairs = Pairs(np.arange(40), (np.arange(40) + 7) % 40, np.ones(40))
    config = TwoTowerConfig(encoder_steps=8, encoder_batch=16, encoder_rate=1e-2, checkpoint_every=2)
    whole, killed, resumed = encoder(), encoder(), encoder()
    curve = train_encoder(whole, inputs, pairs, 40, config, 0, None, ignored)
    with pytest.raises(KeyboardInterrupt):
        train_encoder(killed, inputs, pairs, 40, config, 0, tmp_path / "checkpoint", kill)
    train_encoder(resumed, inputs, pairs, 40, config, 0, tmp_path / "checkpoint", ignored)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    assert curve.losses["softmax"][-1] < curve.losses["softmax"][0]


def test_pages_that_rankers_must_take_for_new_are_new_to_the_towers(tiny: Tiny, tmp_path: Path) -> None:
    half_new(tiny, tmp_path)
    work = Work(CONFIGURED, tiny.work / "two_tower", tmp_path)
    pages = page_ids_of(work)
    hidden = np.flatnonzero(np.isin(pages, withheld_pages(work)))
    pairs = step._training_pairs(work, pages, np.ones(len(pages), bool))
    assert len(hidden)
    assert len(pairs.query)
    assert not np.isin(np.concatenate([pairs.query, pairs.page]), hidden).any()


def test_a_small_site_takes_few_steps() -> None:
    pairs = Pairs(np.arange(6), (np.arange(6) + 1) % 6, np.ones(6))
    config = enough(TwoTowerConfig(head_steps=600, head_batch=64, encoder_steps=60, encoder_batch=32), pairs)
    assert (config.head_steps, config.encoder_steps) == (24, 2)  # 250 draws of six pages, and six draws
    large = Pairs(np.arange(5_000), np.arange(5_000)[::-1].copy(), np.ones(5_000))
    assert enough(TwoTowerConfig(encoder_steps=60), large) == TwoTowerConfig(encoder_steps=60)
