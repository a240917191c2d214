"""A small log in which the next page depends on where readers came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from ranking.session.config import HISTORY, SessionConfig
from ranking.session.train import Examples, Followers

PAGES = 40
HUB = 1
CONFIG = SessionConfig(draws=24_000, passes=100, batch=64, rate=5e-3, id_dimension=8, text_dimension=8)


@dataclass
class Log:
    """From the hub, readers who came over an even page go to an even one, the others to an odd one."""

    pages: np.ndarray
    text: np.ndarray
    examples: Examples
    followers: Followers


@pytest.fixture(scope="package")
def log() -> Log:
    generator = np.random.default_rng(0)
    count = 2_000
    came = generator.integers(2, PAGES + 1, count)
    chosen = 2 + 2 * generator.integers(0, (PAGES - 2) // 2, count) + came % 2
    history = np.zeros((count, HISTORY), np.int64)
    history[:, -1] = came
    trigger = np.full(count, HUB)
    followers = Followers(np.zeros((PAGES + 1, 30), np.int64), np.zeros((PAGES + 1, 30), np.float32))
    followers.pages[HUB], followers.counts[HUB] = np.arange(2, 32), count / 30
    pages = np.arange(10, 10 + PAGES, dtype=np.uint64)
    text = generator.normal(size=(PAGES, 16)).astype(np.float16)
    text[:, 0] = np.where(np.arange(1, PAGES + 1) % 2, -3, 3)  # what a page is about says whether it is even
    return Log(pages, text, Examples(np.arange(count, dtype=np.uint64) // 4, trigger, history, chosen), followers)
