"""Whether the paper's orderings of rows hold here: computed from the figures, by backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ablations.knowledge.metrics import gain
from ablations.knowledge.rows import COMPARED, NAMES, PAPER, ROWS
from ablations.knowledge.run import Run
from evaluation.metrics.bootstrap import Interval

HOLDS, REVERSED, UNCLEAR = "holds", "reversed", "not clear"


@dataclass(frozen=True, slots=True)
class Ordering:
    """Two rows on one backbone."""

    backbone: str
    one: str
    other: str
    auc: Interval  # one - other, here
    logloss: Interval
    paper: float  # the difference of the paper's AUCs

    @property
    def verdict(self) -> str:
        """Whether the difference of AUC has the paper's sign: not clear if its interval includes 0."""
        if self.auc.low <= 0 <= self.auc.high:
            return UNCLEAR
        return HOLDS if (self.auc.mean > 0) == (self.paper > 0) else REVERSED

    @property
    def claim(self) -> str:
        """The paper's ordering: the better row first."""
        better, worse = (self.one, self.other) if self.paper > 0 else (self.other, self.one)
        return f"{ROWS[better].title} above {ROWS[worse].title}"

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "backbone": self.backbone, "claim": self.claim, "verdict": self.verdict, "one": self.one,
            "other": self.other, "auc": self.auc.as_dict(5), "logloss": self.logloss.as_dict(5),
            "paper_auc": round(self.paper, 4),
        }  # fmt: skip


def orderings(found: Mapping[tuple[str, str], Sequence[Run]]) -> list[Ordering]:
    """Return all pairs that the paper compares and that ran, pair by pair."""
    result = []
    for one, other in COMPARED:
        for backbone in NAMES:
            if (backbone, one) in found and (backbone, other) in found:
                first, second = ([run.tested for run in found[backbone, name]] for name in (one, other))
                paper = PAPER[backbone][one][0] - PAPER[backbone][other][0]
                intervals = (gain(first, second, "auc"), gain(first, second, "logloss"))
                result.append(Ordering(backbone, one, other, *intervals, paper))
    return result


def summary(found: Sequence[Ordering]) -> list[str]:
    """Return a sentence per claim of the paper: on which backbones it holds."""
    claims: dict[str, dict[str, list[str]]] = {}
    for each in found:
        claims.setdefault(each.claim, {}).setdefault(each.verdict, []).append(NAMES[each.backbone])
    said = {
        claim: [f"{verdict} with {', '.join(names)}" for verdict, names in by.items()] for claim, by in claims.items()
    }
    return [f"{claim}: {'; '.join(parts)}." for claim, parts in said.items()]
