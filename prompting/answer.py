"""An answer of a language model: its text, and the log-probabilities of tokens that may be scores."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

CLASSES = ("0", "1", "2", "3", "4")


class Unanswered(Exception):
    """There is no score or query, with a short fixed reason that can be counted."""

    def __init__(self, reason: str, again: bool = False) -> None:
        """Take the reason, and whether the model may do better when it is asked again."""
        super().__init__(reason)
        self.reason = reason
        self.again = again


@dataclass(frozen=True, slots=True)
class ClassToken:
    """One token that is a class, with the alternatives for its position."""

    offset: int  # of the digit, in UTF-8 bytes of the answer
    logprobs: tuple[tuple[str, float | None], ...]  # natural logarithms; None if invalid


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, as stored in the cache."""

    text: str
    finish: str = "stop"  # the endpoint's finish reason: stop, length, content_filter, …
    refused: bool = False
    tokens: int = 0  # billed for prompt and answer
    classes: tuple[ClassToken, ...] = ()

    def check(self) -> None:
        """Raise Unanswered if the model refused or the answer was truncated."""
        if self.refused or self.finish == "content_filter":
            raise Unanswered("refused by the model")
        if self.finish == "length":
            raise Unanswered("answer cut off", again=True)

    def to_json(self) -> bytes:
        """Return the answer as JSON."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, data: bytes) -> Answer:
        """Read what `to_json` wrote."""
        fields = orjson.loads(data)
        classes = tuple(
            ClassToken(token["offset"], tuple((text, logprob) for text, logprob in token["logprobs"]))
            for token in fields.pop("classes")
        )
        return cls(**fields, classes=classes)
