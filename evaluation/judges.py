"""The judges that label pairs which bring their own texts: a language model with one of its prompts, or the rubric."""

from __future__ import annotations

from collections.abc import Sequence

from corpus.files.pairs import TextPair
from prompting.endpoint import Endpoint
from prompting.judge import Judged, LlmJudge
from prompting.judge_prompt import load_prompt
from prompting.progress import pair_progress
from ranking.quality.text_pairs import RubricTextJudge

#: Names of the judges that need no model.
RUBRIC, COSINE = "rubric", "MiniLM cosine"


def judge_pairs(pairs: Sequence[TextPair], prompt: str, endpoint: Endpoint | None) -> tuple[str, Judged]:
    """Return the judge's name and its labels: the model at `endpoint` with `prompt`, or the rubric without one.

    Raises SettingsError for an unknown prompt.
    """
    chosen = load_prompt(prompt)
    if endpoint is None:
        return RUBRIC, RubricTextJudge().judge(pairs)
    with pair_progress(f"judge {chosen.name}", len(pairs)) as progress:
        return f"{endpoint.model} {chosen.name}", LlmJudge(endpoint, chosen).judge(pairs, progress)
