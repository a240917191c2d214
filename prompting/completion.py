"""Parses chat completions of various servers: fields may be missing, null, or in another form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prompting.answer import CLASSES, Answer, ClassToken, Unanswered

NOT_UNDERSTOOD = "answer not understood"
_THINKS, _THOUGHT = "<think>", "</think>"  # around the reasoning that some servers leave in the content
_THOUGHTS = ("thinking", "reasoning")  # content parts that are not the answer
_NO_CALL = 1 << 31  # tokens; larger counts are invalid
_TAIL = 24  # bytes at the end by which the text is located in the tokens
_IMPOSSIBLE = -9999.0  # stands for minus infinity, which JSON cannot represent
_NOISE = 1e-3  # rounding error allowed above 0


def read_answer(body: Any, most: int) -> Answer:
    """Return the first choice of a completion; `most` tokens are its cost if it does not state one.

    Raises Unanswered if it is not a completion: an error with status 200, a list, no choices.
    """
    if not isinstance(body, dict):
        raise Unanswered(NOT_UNDERSTOOD, again=True)
    choice = _first(body.get("choices"))
    message = _mapping(choice.get("message"))
    text, refused = _content(message.get("content"))
    text = _storable(text.rpartition(_THOUGHT)[2])
    tokens = _list(_mapping(choice.get("logprobs") or {}).get("content"))
    finish = "length" if text.lstrip().startswith(_THINKS) else choice.get("finish_reason")  # the reasoning was cut off
    return Answer(
        text=text,
        finish=_storable(finish) if isinstance(finish, str) else "stop",
        refused=refused or bool(message.get("refusal")),
        tokens=billed(body, most),
        classes=tuple(_classes(tokens, text.encode())),
    )


def billed(body: Any, most: int) -> int:
    """Return the tokens billed for a completion: as stated, else `most`; 0 without an answer."""
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
        raise Unanswered(NOT_UNDERSTOOD, again=True)
    return _mapping(choices[0])


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unanswered(NOT_UNDERSTOOD, again=True)
    return value


def _list(value: object) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise Unanswered(NOT_UNDERSTOOD, again=True)
    return value or []


def _content(content: object) -> tuple[str, bool]:
    """Return the text of a content, which may be a list of parts, and whether a part is a refusal."""
    if content is None or isinstance(content, str):
        return content or "", False
    texts, refused = [], False
    for part in _list(content):
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            refused |= bool(part.get("refusal"))
            if part.get("type") not in _THOUGHTS and isinstance(part.get("text"), str):
                texts.append(part["text"])
    return "".join(texts), refused


def _classes(tokens: list[Any], text: bytes) -> Iterator[ClassToken]:
    """Yield the tokens of the text that are a class; the log-probabilities of others are not stored.

    Some servers list the reasoning's tokens before the answer's: the answer is the last match of the text.
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


def _start(tokens: bytes, text: bytes) -> int | None:
    """Return the offset of the text in the concatenated tokens, None if they do not contain it."""
    if (place := tokens.rfind(text)) >= 0:
        return place
    tail = text[-_TAIL:]  # incomplete characters before it may be encoded differently
    place = tokens.rfind(tail)
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
        raise Unanswered(NOT_UNDERSTOOD, again=True)
    return text.encode("utf-8", "replace").decode()  # lone surrogates can be neither hashed nor stored


def _log(value: object) -> float | None:
    """Return the natural logarithm of a probability; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value <= _NOISE:
        return None
    return min(max(float(value), _IMPOSSIBLE), 0.0)
