"""Started by test_train under torchrun: the first process trains, as in a step of the build that is not shared."""

import sys

import numpy as np

from ranking.session.config import HISTORY, SessionConfig
from ranking.session.train import Examples, Followers, Trained, train
from text_model.distributed import world

STEPS, PAGES = 300, 3


def small() -> Trained:
    """Train a few batches."""
    trigger, chosen = np.full(STEPS, 1), np.full(STEPS, 2)
    examples = Examples(np.arange(STEPS, dtype=np.uint64), trigger, np.zeros((STEPS, HISTORY), np.int64), chosen)
    followers = Followers(np.zeros((PAGES + 1, 30), np.int64), np.zeros((PAGES + 1, 30), np.float32))
    pages, clicks, text = np.arange(1, PAGES + 1, dtype=np.uint64), np.zeros(PAGES, np.int64), np.eye(PAGES)
    return train(
        pages, clicks, text.astype(np.float32), examples, followers, SessionConfig(draws=512), 0, lambda done: None
    )


if __name__ == "__main__":
    assert world().size == 2
    if world().main:
        np.save(sys.argv[1], small().vectors.learnt)
    world().wait()
