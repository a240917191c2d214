"""What a call tells the model besides the prompt, and what is told otherwise once the model has refused it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import openai

# Parameter -> what takes its place, None where the call does without.
_INSTEAD: dict[str, str | None] = {"max_tokens": "max_completion_tokens", "temperature": None}
_REFUSED = re.compile(r"un-?supported|not support|unrecogni[sz]ed|unknown|unexpected|not permitted|deprecated", re.I)
#: Parameter -> the reason of every pair, where the model does not take it and nothing can take its place.
WITHOUT = {
    name: f"call refused: the model does not take {name}"
    for name in ("max_completion_tokens", "logprobs", "top_logprobs")
}
_CODES = ("unsupported_parameter", "unsupported_value", "unknown_parameter")
_STATUS = (400, 422)


class Parameters:
    """Remembers for a run what the model refuses."""

    def __init__(self) -> None:
        self.settled = False  # whether a call has come back
        self._refused: dict[str, None] = {}  # in the order in which it came out
        self._calls: Counter[str] = Counter()

    def sent(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters in the words that the model takes."""
        renamed = {_INSTEAD[name] if name in self._refused else name: value for name, value in parameters.items()}
        return {name: value for name, value in renamed.items() if name is not None}

    def learn(self, name: str) -> bool:
        """Remember a parameter that was refused; False where the call cannot do without."""
        if name in _INSTEAD:
            self._refused[name] = None
        return name in _INSTEAD

    def count(self) -> None:
        """Count a call that came back."""
        for name in self._refused:
            self._calls[name] += 1

    def remarks(self) -> dict[str, int]:
        """Return what calls were made without, and how many."""
        return {_remark(name): count for name, count in self._calls.items()}


def unsupported(error: openai.APIError, sent: Mapping[str, Any]) -> str:
    """Return the parameter, of those sent, that an endpoint says it does not know or take; '' for another error."""
    if not isinstance(error, openai.APIStatusError) or error.status_code not in _STATUS:
        return ""
    said = str(error.message)
    if error.code not in _CODES and not _REFUSED.search(said):
        return ""
    if error.param in sent:
        return str(error.param)
    places = {name: re.search(rf"\b{name}\b", said) for name in sent}
    found = [(place.start(), name) for name, place in places.items() if place]
    return min(found)[1] if found else ""


def _remark(name: str) -> str:
    instead = _INSTEAD[name]
    return f"calls {f'with {instead} in place of' if instead else 'without'} {name}, which the model refuses"
