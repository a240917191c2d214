"""What a language model said: the text, and the log-probabilities where it wrote a score."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

CLASSES = ("0", "1", "2", "3", "4")


class Unanswered(Exception):
    """Why there is no score and no query; the reason is short and fixed, so that it can be counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ClassToken:
    """One token that is a class, and the tokens that might have stood in its place."""

    offset: int  # of the digit, in bytes of the answer's UTF-8
    logprobs: tuple[tuple[str, float | None], ...]  # natural logarithms; None for what is none


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, as it is kept on disk."""

    text: str
    finish: str = "stop"  # as the endpoint calls it: stop, length, content_filter, …
    refused: bool = False
    tokens: int = 0  # of prompt and answer, as billed
    classes: tuple[ClassToken, ...] = ()

    def check(self) -> None:
        """Raise Unanswered when the model refused or was cut off: what it said until then is no answer."""
        if self.refused or self.finish == "content_filter":
            raise Unanswered("refused by the model")
        if self.finish == "length":
            raise Unanswered("answer cut off")

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
