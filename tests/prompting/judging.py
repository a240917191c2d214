"""Has a language model judge pairs, as the build does."""

from __future__ import annotations

from corpus.files.pairs import TextPair
from prompting.endpoint import Endpoint
from prompting.judge import Judged, LlmJudge
from prompting.judge_prompt import load_prompt


def judge(endpoint: Endpoint, pairs: list[TextPair], prompt: str = "C") -> Judged:
    """Return what the model says of the pairs."""
    return LlmJudge(endpoint, load_prompt(prompt)).judge(pairs)
