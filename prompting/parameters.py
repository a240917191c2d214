"""Request parameters besides the prompt, with replacements for those that a model rejects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import openai

# Parameter -> its replacement, None to omit it.
_REPLACEMENTS: dict[str, str | None] = {
    "max_tokens": "max_completion_tokens",
    "temperature": None,
    "response_format": None,
}
_REFUSED = re.compile(
    r"un-?supported|not support|unrecogni[sz]ed|unknown|unexpected|not permitted|deprecated|unavailable|invalid schema",
    re.IGNORECASE,
)
#: Parameter without a replacement -> the reason for every pair if the model rejects it.
WITHOUT = {
    name: f"call refused: the model does not take {name}"
    for name in ("max_completion_tokens", "logprobs", "top_logprobs")
}
_CODES = ("unsupported_parameter", "unsupported_value", "unknown_parameter")
_STATUS = (400, 422)


class Parameters:
    """Remembers during a run which parameters the model rejects."""

    def __init__(self) -> None:
        self.settled = False  # whether a call has finished
        self._rejected: dict[str, None] = {}  # in the order of discovery
        self._calls: Counter[str] = Counter()

    def sent(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as the model accepts them."""
        renamed = {_REPLACEMENTS[name] if name in self._rejected else name: value for name, value in parameters.items()}
        return {name: value for name, value in renamed.items() if name is not None}

    def learn(self, name: str) -> bool:
        """Remember a rejected parameter; return False if it has no replacement."""
        if name in _REPLACEMENTS:
            self._rejected[name] = None
        return name in _REPLACEMENTS

    def count(self) -> None:
        """Count a successful call."""
        for name in self._rejected:
            self._calls[name] += 1

    def remarks(self) -> dict[str, int]:
        """Return remarks on rejected parameters -> number of calls."""
        return {_remark(name): count for name, count in self._calls.items()}


def unsupported(error: openai.APIError, sent: Mapping[str, Any]) -> str:
    """Return the sent parameter that an endpoint rejects as unknown or unsupported; '' for any other error."""
    if not isinstance(error, openai.APIStatusError) or error.status_code not in _STATUS:
        return ""
    message = str(error.message)
    if error.code not in _CODES and not _REFUSED.search(message):
        return ""
    if error.param in sent:
        return str(error.param)
    places = {name: re.search(rf"\b{name}\b", message) for name in sent}
    found = [(place.start(), name) for name, place in places.items() if place]
    return min(found)[1] if found else ""


def _remark(name: str) -> str:
    replacement = _REPLACEMENTS[name]
    return f"calls {f'with {replacement} instead of' if replacement else 'without'} {name}, which the model rejects"
