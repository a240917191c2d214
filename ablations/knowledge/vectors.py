"""Turns texts into the frozen encoder's vectors of movies and users; all of it is kept in the folder of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from numpy.typing import NDArray

from ablations.knowledge.data import Blocks, Log, Movies
from ablations.knowledge.texts import READ, Kind, moments, said_of, summaries, user_text
from ablations.knowledge.written import Writer, Written, most_rated
from prompting.endpoint import Endpoint
from recall.knowledge.views import joined
from text_model.embed import TextEmbedder

Floats = NDArray[np.float32]
Say = Callable[[str], None]
TOKENS = 128  # of a text that the encoder reads, title included


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The encoder's vectors of one kind of text."""

    movies: Floats  # [movies + 1, w]; zeros for no movie and for a movie without text
    users: Floats  # [blocks, w or 2 w]; zeros for a user who has liked nothing yet


@dataclass(frozen=True, slots=True)
class Asked:
    """How many a language model is asked about; the others have extracts."""

    endpoint: Endpoint | None
    movies: int
    users: int


@dataclass(slots=True)
class Library:
    """All kinds of knowledge of one sample; opens the encoder only for what the folder lacks."""

    movies: Movies
    log: Log
    blocks: Blocks
    base: str
    asked: Asked
    work: Path
    say: Say
    _writer: Writer | None = field(init=False)

    def __post_init__(self) -> None:
        self._writer = None if self.asked.endpoint is None else Writer(self.asked.endpoint)

    def of(self, kind: Kind) -> Knowledge:
        """Return the vectors of a kind of text."""
        vectors = self._kept(f"movies-{kind}", lambda: self._of_movies(kind))
        users = _mean(vectors, self.blocks)
        if kind != "trawl":
            return Knowledge(vectors, users)
        written, _ = moments(self.blocks)
        texts = self._kept("users-trawl", self._of_moments)
        own = np.concatenate([texts, np.zeros((1, texts.shape[1]), np.float32)])[written]  # -1: none is written yet
        return Knowledge(vectors, joined(users, own))

    def texts(self, kind: Kind) -> list[str]:
        """Return each movie's text of a kind."""
        if kind == "raw":
            return self.movies.raw
        if kind == "llm":
            return self.movies.remembered
        both = self._json("summaries", lambda: dict(zip(("basic", "topic"), self._summaries(), strict=True)))
        if kind == "basic":
            return list(both["basic"])
        texts = list(both["topic"])
        if kind == "trawl":
            for row, text in self.written_of_movies().texts.items():
                texts[row - 1] = text
        return texts

    def written_of_movies(self) -> Written:
        """Return what the language model wrote of the most rated movies."""
        return self._written("movies", self._ask_of_movies) if self.asked.movies else Written()

    def written_of_users(self) -> Written:
        """Return what the language model wrote of the first users, a text for each of their moments."""
        return self._written("users", self._ask_of_users) if self.asked.users else Written()

    def ask_again(self, forget: Callable[[], None]) -> None:
        """Ask once more what failed in an earlier run; where a text is new, `forget` what was made of the old ones."""
        for name, ask in (("movies", self._ask_of_movies), ("users", self._ask_of_users)):
            before = self._read_written(name)
            if self._writer is None or before is None or not before.failed:
                continue
            self.say(f"asking once more about {name}: {before.asked - len(before.texts)} have no text")
            found = ask(self._writer, before)
            if len(found.texts) > len(before.texts):  # before they are kept: a killed run asks again
                forget()
                (self.work / f"{name}-trawl.npy").unlink(missing_ok=True)
            self._write_json(f"written-{name}", asdict(found))

    def _written(self, name: str, ask: Callable[[Writer, Written], Written]) -> Written:
        if self._writer is None:
            return Written()
        if (found := self._read_written(name)) is None:
            found = ask(self._writer, Written())
            self._write_json(f"written-{name}", asdict(found))
        return found

    def _read_written(self, name: str) -> Written | None:
        path = self.work / f"written-{name}.json"
        return Written(**orjson.loads(path.read_bytes())).by_row() if path.is_file() else None

    def _ask_of_movies(self, writer: Writer, before: Written) -> Written:
        return writer.of_movies(self.movies, most_rated(self.log.movie, self.asked.movies), before)

    def _ask_of_users(self, writer: Writer, before: Written) -> Written:
        _, at = moments(self.blocks)
        kept = [self._history(block) for block in at.tolist() if self.blocks.user[block] < self.asked.users]
        return writer.of_users([said_of(self.movies, history) for history in kept], before)

    def _summaries(self) -> tuple[list[str], list[str]]:
        self.say("summaries of the raw texts")
        with half():
            return summaries(self.movies, TextEmbedder(self.base, TOKENS))

    def _of_movies(self, kind: Kind) -> Floats:
        texts = self.texts(kind)
        self.say(f"vectors of movies: {kind}")
        found = self._embed(self.movies.titles, texts)
        found[[row for row, text in enumerate(texts) if not text]] = 0
        return np.concatenate([np.zeros((1, found.shape[1]), np.float32), found])

    def _of_moments(self) -> Floats:
        _, at = moments(self.blocks)
        texts = [user_text(self.movies, self._history(block)) for block in at.tolist()]
        for row, text in self.written_of_users().texts.items():  # the first users' moments come first
            texts[row] = text
        self.say(f"vectors of users: {len(texts)} texts")
        empty = [""] * len(texts)
        return self._embed(empty, texts)

    def _history(self, block: int) -> list[int]:
        history = self.blocks.history[block]
        return [int(row) for row in history[history > 0]]

    def _embed(self, titles: list[str], texts: list[str]) -> Floats:
        with half():
            return TextEmbedder(self.base, TOKENS).whole([""] * len(texts), titles, texts)

    def _kept(self, name: str, compute: Callable[[], Floats]) -> Floats:
        path = self.work / f"{name}.npy"
        if not path.is_file():
            found = compute()
            with path.with_suffix(".writing").open("wb") as file:
                np.save(file, found)
            path.with_suffix(".writing").rename(path)
        kept: Floats = np.load(path)
        return kept

    def _json(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        path = self.work / f"{name}.json"
        if not path.is_file():
            self._write_json(name, compute())
        kept: dict[str, Any] = orjson.loads(path.read_bytes())
        return kept

    def _write_json(self, name: str, found: dict[str, Any]) -> None:
        working = self.work / f"{name}.writing"
        working.write_bytes(orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS))
        working.rename(self.work / f"{name}.json")


def half() -> torch.autocast:
    """Return what multiplies in bfloat16 where the processor can: three times as fast or more."""
    return torch.autocast("cpu", torch.bfloat16, enabled=bool(torch.cpu.get_capabilities().get("avx512_bf16")))


def _mean(movies: Floats, blocks: Blocks) -> Floats:
    """Return of each block the mean direction of the newest liked movies: each says as much as the others."""
    found = movies[blocks.history[:, -READ:]].sum(axis=1)
    unit: Floats = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return unit
