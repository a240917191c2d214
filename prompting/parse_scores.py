"""Parses the score, 0 to 4, from an answer; raises Unanswered with the reason if there is none."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from prompting.answer import CLASSES, Answer, ClassToken, Unanswered
from prompting.json_values import json_values, plain_keys

JUDGES = 5
#: Largest total probability that unlisted classes may have; it changes the score by at most 0.04.
MISSING = 0.01
_READ = 20_000  # characters read of an answer
_WHOLE = 1.05  # a larger sum means that the values are not probabilities
_UNUSABLE = "unusable log-probabilities"

# A score may be preceded by a scale in brackets, a colon and emphasis; it must not be followed by a range or a sixth
# score. So the 0 in `score (0-4): 3` is not read as a score.
_SCALE = r"(?:\s{0,2}\([^)]{0,12}\))?"
_FIVE = re.compile(
    rf"scores?{_SCALE}[\s:=*_]{{0,8}}((?:[0-4][\s,;|]{{1,3}}){{4}}[0-4])(?!\d|[.,/]\d|[\s,;|–-]{{1,3}}\d)",
    re.IGNORECASE,
)
_ONE = re.compile(
    rf"score{_SCALE}[\s:=*_\x22]{{0,8}}([0-4])(?!\d|[.,]\d|\s{{0,2}}[/-]\s{{0,2}}\d)".encode("ascii"), re.IGNORECASE
)
_LONE = re.compile(rb"\W*([0-4])\W*")


def mean_of_judges(answer: Answer) -> float:
    """Return the mean of the five judges' scores (prompt A): of a JSON list of editors, or of one line of scores."""
    answer.check()
    if listed := _of_editors(answer.text):
        return sum(listed) / JUDGES
    found = _FIVE.findall(answer.text)
    if not found:
        raise Unanswered("no five scores in the answer", again=True)
    scores = [int(digit) for digit in re.findall(r"\d", found[-1])]
    return sum(scores) / JUDGES


def _of_editors(text: str) -> list[int]:
    """Return the scores of the last object with five `editors`; none if there is none, or one has no score."""
    for value in reversed(list(json_values(text[:_READ]))):
        editors = plain_keys(value).get("editors") if isinstance(value, dict) else None
        if isinstance(editors, list) and len(editors) == JUDGES:
            given = [plain_keys(editor).get("score") if isinstance(editor, dict) else editor for editor in editors]
            return [int(str(score)) for score in given] if all(str(score) in CLASSES for score in given) else []
    return []


def expected_class(answer: Answer) -> tuple[float, bool]:
    """Return the expected class at the score's token (prompts B and C), and whether a class is missing.

    Classes missing from the log-probabilities are ignored if their total probability is at most MISSING; otherwise
    the pair is not scored.
    """
    answer.check()
    offset = _score_offset(answer.text.encode("utf-8", "replace"))
    token = next((token for token in answer.classes if token.offset == offset), None)
    if token is None:
        raise Unanswered("no log-probabilities for the score")
    listed = _by_class(token)
    hidden = _hidden(token, len(CLASSES) - len(listed))
    if hidden > MISSING:
        raise Unanswered("a class is missing from the log-probabilities")
    total = sum(listed.values())
    return sum(value * share for value, share in listed.items()) / total, len(listed) < len(CLASSES)


def _score_offset(text: bytes) -> int:
    """Return the offset of the last score: after the word `score`, or a digit that is the whole answer."""
    found = list(_ONE.finditer(text))
    if found:
        return found[-1].start(1)
    if lone := _LONE.fullmatch(text):
        return lone.start(1)
    raise Unanswered("no score in the answer", again=True)


def _by_class(token: ClassToken) -> Mapping[int, float]:
    """Return the probability of each listed class; ` 3` and `3` are the same class."""
    listed: dict[int, float] = {}
    for text, logprob in token.logprobs:
        if text.strip() in CLASSES:
            if logprob is None:
                raise Unanswered(_UNUSABLE)
            value = int(text.strip())
            listed[value] = listed.get(value, 0.0) + math.exp(logprob)
    if not sum(listed.values()):
        raise Unanswered("no log-probabilities for the score")
    return listed


def _hidden(token: ClassToken, missing: int) -> float:
    """Return an upper bound on the total probability of `missing` unlisted classes."""
    shares = [math.exp(logprob) for _, logprob in token.logprobs if logprob is not None]
    if sum(shares) > _WHOLE:
        raise Unanswered(_UNUSABLE)
    return min(missing * min(shares), max(0.0, 1.0 - sum(shares)))
