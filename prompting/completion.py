"""Reads the body of a chat completion, as servers write it: fields may be missing, null, or in another form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prompting.answer import CLASSES, Answer, ClassToken, Unanswered

NOT_UNDERSTOOD = "answer not understood"
_THINKS, _THOUGHT = "<think>", "</think>"  # around what some servers leave in the content
_THOUGHTS = ("thinking", "reasoning")  # parts of a content that are no answer
_NO_CALL = 1 << 31  # tokens; no call costs as many, and no limit would outlast it
_TAIL = 24  # bytes by which the tokens' end is known
_IMPOSSIBLE = -9999.0  # minus infinity, as JSON can keep it
_NOISE = 1e-3  # of a logarithm above 0: rounding


def read_answer(body: Any, most: int) -> Answer:
    """Return the first choice of a completion; `most` tokens are what it cost where it does not say.

    Raises Unanswered when it is none: a gateway's error in the dress of an answer, a list, no choice.
    """
    if not isinstance(body, dict):
        raise Unanswered(NOT_UNDERSTOOD)
    choice = _first(body.get("choices"))
    message = _mapping(choice.get("message"))
    text, refused = _content(message.get("content"))
    text = _storable(text.rpartition(_THOUGHT)[2])
    tokens = _list(_mapping(choice.get("logprobs") or {}).get("content"))
    finish = "length" if text.lstrip().startswith(_THINKS) else choice.get("finish_reason")  # it thought to the end
    return Answer(
        text=text,
        finish=_storable(finish) if isinstance(finish, str) else "stop",
        refused=refused or bool(message.get("refusal")),
        tokens=billed(body, most),
        classes=tuple(_classes(tokens, text.encode())),
    )


def billed(body: Any, most: int) -> int:
    """Return the tokens that a completion cost: as it says, else `most`; none where there is no answer."""
    if not isinstance(body, dict) or not body.get("choices"):
        return 0
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return most
    if (total := _count(usage.get("total_tokens"))) is not None:
        return total
    parts = [_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens")]
    return most if None in parts else sum(part or 0 for part in parts)


def _count(value: object) -> int | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _NO_CALL
    return int(value) if known else None  # type: ignore[call-overload]


def _first(choices: object) -> Mapping[str, Any]:
    if not isinstance(choices, list) or not choices:
        raise Unanswered(NOT_UNDERSTOOD)
    return _mapping(choices[0])


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unanswered(NOT_UNDERSTOOD)
    return value


def _list(value: object) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise Unanswered(NOT_UNDERSTOOD)
    return value or []


def _content(content: object) -> tuple[str, bool]:
    """Return the text of a content, which may be a list of parts, and whether a part refuses."""
    if content is None or isinstance(content, str):
        return content or "", False
    said, refused = [], False
    for part in _list(content):
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, dict):
            refused |= bool(part.get("refusal"))
            if part.get("type") not in _THOUGHTS and isinstance(part.get("text"), str):
                said.append(part["text"])
    return "".join(said), refused


def _classes(tokens: list[Any], text: bytes) -> Iterator[ClassToken]:
    """Yield the tokens of the text that are a class; the others' log-probabilities are not worth their place on disk.

    Some servers list a thought's tokens before the answer's: the text is the last part that reads like it.
    """
    data = [_bytes(token) for token in tokens]
    start = _start(b"".join(data), text)
    offset = 0
    for token, piece in zip(tokens, data, strict=True):
        if piece.strip().decode("ascii", "replace") in CLASSES:
            listed = {_storable(other.get("token")): _log(other.get("logprob")) for other in _others(token)}
            if start is not None and offset >= start:
                yield ClassToken(offset - start + len(piece) - len(piece.lstrip()), tuple(listed.items()))
        offset += len(piece)


def _start(said: bytes, text: bytes) -> int | None:
    """Return where the text begins in all tokens laid end to end, None where they are of another text."""
    if (place := said.rfind(text)) >= 0:
        return place
    tail = text[-_TAIL:]  # half characters before it may be written in another way
    place = said.rfind(tail)
    return place - (len(text) - len(tail)) if place >= 0 else None


def _others(token: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_mapping(other) for other in _list(token.get("top_logprobs"))] or [token]


def _bytes(token: object) -> bytes:
    token = _mapping(token)
    data, text = token.get("bytes"), token.get("token")
    if isinstance(data, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in data):
        return bytes(data)
    return _storable(text).encode()


def _storable(text: object) -> str:
    if not isinstance(text, str):
        raise Unanswered(NOT_UNDERSTOOD)
    return text.encode("utf-8", "replace").decode()  # half a character pair can be neither hashed nor kept


def _log(value: object) -> float | None:
    """Return a natural logarithm of a probability; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value <= _NOISE:
        return None
    return min(max(float(value), _IMPOSSIBLE), 0.0)
