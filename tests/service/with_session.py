"""A bundle whose answers depend on the reader's way: a copy of the current one, with a session network."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from ranking.session.config import HISTORY, SessionConfig
from ranking.session.train import Examples, Followers, train
from store import page_row
from store.bundle import open_bundle, publish
from store.tables import LmdbTable

NAME = "20990101T000000Z-00000009"


def add_session(bundles: Path, weight: float = 3.0) -> None:
    """Publish it as the current one. The network is drawn at random: it orders pages by the way, whatever that says."""
    current = open_bundle(bundles)
    building = bundles / "building"
    ignore = shutil.ignore_patterns("manifest.json", "session")
    shutil.copytree(current.path, building, ignore=ignore, copy_function=os.link)
    (building / "session").mkdir()
    table = LmdbTable(current.file("tables/pages.lmdb"))
    facts = page_row.read_facts([row for _, row in table.items()])
    table.close()
    count, generator = len(facts), np.random.default_rng(0)
    steps = 64
    examples = Examples(
        np.arange(steps, dtype=np.uint64),
        generator.integers(1, count + 1, steps),
        generator.integers(1, count + 1, (steps, HISTORY)),
        generator.integers(1, count + 1, steps),
    )
    followers = Followers(np.zeros((count + 1, 30), np.int64), np.zeros((count + 1, 30), np.float32))
    text = generator.normal(size=(count, 16)).astype(np.float16)
    config = SessionConfig(draws=256, batch=64, passes=10)
    pages, order = np.unique(facts["page"], return_index=True)
    trained = train(pages, facts["clicks_all"][order], text, examples, followers, config, 0, lambda done: None)
    trained.save(building / "session")
    (building / "session/weight.json").write_text(f'{{"weight": {weight}}}')
    publish(building, bundles, current.manifest.model_copy(update={"name": NAME}))
