"""What the rankers learn from: stage 1 finds it out, stage 2 follows, and the manifest tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.log.events import LABELS, SET_ASIDE
from pipeline.runner.work import Work

NOTHING = "nothing"
_FILE = "learnt_from.txt"


def note(stage1: Path, source: str) -> None:
    """Keep the source of events that stage 1 learnt from, or NOTHING."""
    (stage1 / _FILE).write_text(source)


def for_stage2(work: Work) -> tuple[str, ...]:
    """Return the sources that stage 2 may learn from: stage 1's, but no label that the cross-encoder knows."""
    source = (work.of("stage1") / _FILE).read_text()
    return () if source == NOTHING else (SET_ASIDE if source == LABELS else source,)


def notes(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what a reader of the manifest must know of how the bundle ranks."""
    source, cold = figures["stage1"]["learnt_from"], figures["read"]["end"] is None
    if cold:
        yield "cold start: no clicks, so only the text paths recall" + _taught_by_the_judge(source)
    elif source in (LABELS, NOTHING):
        why = "the log's last part holds too few choices between pages that the filters keep"
        yield f"{why}: as on a cold start" + _taught_by_the_judge(source)
    if source == NOTHING:
        yield "stage 1 learnt nothing: candidates keep the order of their best rank in recall"
    if figures["stage2"]["trees"] == 0:
        yield "stage 2 learnt nothing: its order is stage 1's, blended with quality"


def _taught_by_the_judge(source: str) -> str:
    return ", and the rankers learnt the judge's labels" if source == LABELS else ""
