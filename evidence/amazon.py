"""Sequences of items with titles and categories, split by leaving each user's last items out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from configs.reading import SettingsError

HISTORY = 10
CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Items:
    """The items and users' sequences of one set."""

    name: str
    titles: list[str]  # by item
    categories: list[str]  # by item, `A > B > C`
    sequences: list[list[int]]  # a user's items in order


@dataclass(frozen=True, slots=True)
class Task:
    """One question: which of the candidates does the user take after the history?"""

    history: tuple[int, ...]  # at most 10 items, the last one is the newest
    target: int
    candidates: tuple[int, ...]  # 20 with the target, in random order
    user: int = -1  # row of the user's sequence


@dataclass(frozen=True, slots=True)
class Splits:
    """Training tasks stop two items before the end, validation asks for the last but one, test for the last."""

    train: list[Task]
    validation: list[Task]
    test: list[Task]


def read_items(folder: Path, name: str) -> Items:
    """Read `<name>_items.parquet` (item, title, category) and `<name>_sequences.parquet` (user, items)."""
    paths = [folder / f"{name}_{part}.parquet" for part in ("items", "sequences")]
    for path in paths:
        if not path.is_file():
            raise SettingsError(f"{path} is not a file: --data needs items and sequences of {name!r}")
    items = pq.read_table(paths[0], columns=["item", "title", "category"]).sort_by("item")
    if items["item"].to_pylist() != list(range(len(items))):
        raise SettingsError(f"{paths[0]}: column item must be 0 to {len(items) - 1}, each once")
    sequences = pq.read_table(paths[1], columns=["items"])["items"].to_pylist()
    if any(not 0 <= item < len(items) for own in sequences for item in own):
        raise SettingsError(f"{paths[1]}: column items names an item that {paths[0].name} does not have")
    titles = [" ".join(unescape(unescape(title)).split()) for title in items["title"].to_pylist()]
    return Items(name, titles, [unescape(text) for text in items["category"].to_pylist()], sequences)


def split(items: Items, train: int, validation: int, test: int, seed: int) -> Splits:
    """Draw users for validation, others for test, and `train` tasks of all users' older items.

    The 19 other candidates are drawn from the items that the user never took, or in training: not until then.
    """
    random = np.random.default_rng(seed)
    users = random.permutation([user for user, own in enumerate(items.sequences) if len(own) >= 4]).tolist()
    if len(users) < max(validation + test, train):
        raise SettingsError(f"{items.name} has {len(users)} users with four items: ask for fewer tasks")
    most = max(len(set(items.sequences[user])) for user in users)
    if len(items.titles) < most + CANDIDATES - 1:
        raise SettingsError(
            f"{items.name} has {len(items.titles)} items, of which one user took {most}: {CANDIDATES} candidates need"
            f" {CANDIDATES - 1} others"
        )

    def drawn(chosen: Sequence[int], last: int | None, known: int | None) -> list[Task]:
        own = ((user, items.sequences[user]) for user in chosen)
        return [_asked(taken[:last], set(taken[:known]), user, len(items.titles), random) for user, taken in own]

    asked, tested = drawn(users[:validation], -1, None), drawn(users[validation : validation + test], None, None)
    return Splits(drawn(random.permutation(users)[:train].tolist(), -2, -2), asked, tested)


def older_sequences(items: Items) -> list[list[int]]:
    """Return what every row may learn from: each user's items but the last two."""
    return [own[:-2] for own in items.sequences]


def _asked(sequence: Sequence[int], taken: set[int], user: int, items: int, random: np.random.Generator) -> Task:
    others: list[int] = []
    while len(others) < CANDIDATES - 1:
        item = int(random.integers(items))
        if item not in taken:
            taken.add(item)
            others.append(item)
    candidates = random.permutation([sequence[-1], *others])
    return Task(tuple(sequence[:-1][-HISTORY:]), sequence[-1], tuple(candidates.tolist()), int(user))
