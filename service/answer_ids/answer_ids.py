"""Answer IDs: signed names of answers, by which an event is credited to the list, position, arm and bundle shown.

One ID serves many readers, since answers may be cached: it says nothing about a reader.
"""

from __future__ import annotations

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from cachetools import LRUCache
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from service.answer_ids.keys import SigningKeys
from service.pb import recommender_pb2 as pb

_MAX_LENGTH = 4096  # characters; one with 30 pages, teams, propensities and the longest URL is shorter
_SIGNATURE = 16  # bytes
_KEPT = 4096  # verified IDs, since many readers send the same one


class BadAnswerId(ValueError):
    """An answer ID that credits nothing; `reason` names why."""

    def __init__(self, reason: str, problem: str, fix: str) -> None:
        super().__init__(f"{reason}: {problem}: {fix}")
        self.reason, self.problem, self.fix = reason, problem, fix


class AnswerId(NamedTuple):
    """What an answer ID says."""

    bundle: str
    minted: int  # seconds since 1970
    page1: int  # PageId of the reader's page
    url1: str  # of a page outside the bundle's tables, else empty
    pages: tuple[int, ...]  # PageIds of the recommendations, best first
    experiment: str = ""
    arm: str = ""
    teams: tuple[int, ...] = ()  # of an interleaved list: the team of each place
    propensities: tuple[float, ...] = ()  # of an explored list: the probability of each page at its place
    shuffled: bool = False  # of an explored list: whether its order was drawn at random


class AnswerIds:
    """Mints and reads answer IDs; microseconds each."""

    def __init__(self, keys: SigningKeys, max_age_s: float, clock: Callable[[], float] = time.time) -> None:
        self._keys, self._clock = keys, clock
        self.max_age_s = max_age_s
        self._read: LRUCache[tuple[str, tuple[bytes, ...]], AnswerId] = LRUCache(_KEPT)

    def now(self) -> int:
        """Return the time to mint with, in seconds since 1970."""
        return int(self._clock())

    def mint(self, said: AnswerId) -> str:
        """Return the ID: URL-safe text of about 130 characters for five pages."""
        payload: bytes = pb.AnswerId(**said._asdict()).SerializeToString()
        return _text(_signature(self._keys.value()[0], payload) + payload)

    def read(self, answer_id: str) -> AnswerId:
        """Return what a valid ID says. Raises BadAnswerId: `forged` or `stale`."""
        keys = self._keys.value()
        said = self._read.get((answer_id, keys))
        if said is None:
            said = self._read[answer_id, keys] = _verified(answer_id, keys)
        if self._clock() - said.minted > self.max_age_s:
            problem = f"the answer was made more than {self.max_age_s:g} seconds ago"
            raise BadAnswerId("stale", problem, "ask for the answer again")
        return said


def _verified(answer_id: str, keys: tuple[bytes, ...]) -> AnswerId:
    forged = BadAnswerId("forged", "it is not signed with a key of this gateway", "send the answer_id of the answer")
    if len(answer_id) > _MAX_LENGTH:
        raise forged
    try:
        signed = urlsafe_b64decode(answer_id.encode("ascii") + b"==")
    except (NotBase64, ValueError):
        raise forged from None
    if _text(signed) != answer_id:  # the decoder skips what it does not know: one ID would have many spellings
        raise forged
    signature, payload = signed[:_SIGNATURE], signed[_SIGNATURE:]
    if not any(hmac.compare_digest(signature, _signature(key, payload)) for key in keys):
        raise forged
    try:
        said = pb.AnswerId.FromString(payload)
    except DecodeError:  # signed by a gateway of another version
        raise forged from None
    lists = {name: tuple(getattr(said, name)) for name in ("pages", "teams", "propensities")}
    return AnswerId(
        said.bundle,
        said.minted,
        said.page1,
        said.url1,
        experiment=said.experiment,
        arm=said.arm,
        shuffled=said.shuffled,
        **lists,
    )


def _text(signed: bytes) -> str:
    return urlsafe_b64encode(signed).rstrip(b"=").decode()


def _signature(key: bytes, payload: bytes) -> bytes:
    return blake2b(payload, key=key, digest_size=_SIGNATURE).digest()
