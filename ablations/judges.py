"""Table 1: judge prompts compared with people; needs an endpoint and golden pairs."""

from __future__ import annotations

from pathlib import Path

from ablations.tables import PAPER, Figure, Row, Table
from corpus.files.pairs import PairFile, read_pairs
from evaluation.golden import accuracies, check_golden
from evaluation.judges import COSINE, RUBRIC, judge_pairs
from prompting.endpoint import Endpoint, read_endpoint
from ranking.quality.text_pairs import RubricTextJudge

_TITLE = "Judge prompts: pairwise agreement with people"
_NO_ENDPOINT = "No endpoint is set (ONWARD_LLM_MODEL), so no prompt was measured."
_NO_GOLDEN = "No golden pairs were given (--golden), so no judge was measured."


def judge_table(golden: Path | None) -> Table:
    """Return the accuracy of each prompt and of the judges that need no model; notes say what is missing."""
    endpoint = read_endpoint()
    notes = ([] if endpoint else [_NO_ENDPOINT]) + ([] if golden else [_NO_GOLDEN])
    if golden is None:
        return Table(1, _TITLE, notes=notes)
    read = read_pairs(golden)
    check_golden(read)
    notes.append(f"{len(read):,} pairs; intervals resample first pages. The paper used other pairs.")
    return Table(1, _TITLE, _rows(read, endpoint, notes), notes)


def _rows(read: PairFile, endpoint: Endpoint | None, notes: list[str]) -> list[Row]:
    rubric = RubricTextJudge()
    scores = {RUBRIC: rubric.judge(read.pairs).quality, COSINE: rubric.cosine(read.pairs)}
    paper = {}
    for prompt in PAPER[1] if endpoint else ():
        name, judged = judge_pairs(read.pairs, prompt, endpoint)
        scores[name], paper[name] = judged.quality, PAPER[1][prompt]["accuracy"]
        notes += [f"{name}: {count:,} without a score: {reason}" for reason, count in judged.unscored().items()]
    rows: dict[str, dict[str, Figure]] = {}
    for found in accuracies(read, scores):
        first = not rows.get(found.judge)  # the finest label: the paper's figure is shown beside it
        figure = Figure(found.accuracy, paper.get(found.judge) if first else None, signed=False)
        rows.setdefault(found.judge, {})[found.label] = figure
    return [Row(judge, figures) for judge, figures in rows.items()]
