"""The source of events that the rankers learn from: stage 1 chooses it, stage 2 follows, the manifest reports it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.log.events import LABELS, SET_ASIDE
from pipeline.rankers.peer import below_peer
from pipeline.rankers.text_order import by_text
from pipeline.runner.work import Work

NOTHING = "nothing"
_FILE = "learnt_from.txt"


def note(stage1: Path, source: str) -> None:
    """Save which source of events stage 1 learnt from, or NOTHING."""
    (stage1 / _FILE).write_text(source)


def learnt_from(work: Work) -> str:
    """Return the source of events that stage 1 learnt from, or NOTHING."""
    return (work.of("stage1") / _FILE).read_text()


def for_stage2(work: Work) -> tuple[str, ...]:
    """Return the sources that stage 2 may learn from: stage 1's, without labels that the cross-encoder learnt from."""
    source = learnt_from(work)
    return () if source == NOTHING else (SET_ASIDE if source == LABELS else source,)


def notes(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the manifest's notes on how the bundle ranks."""
    cold = figures["read"]["end"] is None
    source = NOTHING if "text_order" in figures["stage1"] else figures["stage1"]["learnt_from"]
    if cold:
        yield "cold start: no clicks, so only the text-based paths recall" + _from_labels(source)
    elif source in (LABELS, NOTHING):
        why = "the last part of the log has too few choices between pages that the filters keep"
        yield f"{why}: treated as a cold start" + _from_labels(source)
    yield from below_peer(figures)
    yield from by_text(figures["stage1"])
    if figures["stage2"]["trees"] == 0 and not figures["stage2"].get("below_peer"):
        yield "stage 2 learnt nothing: the order is stage 1's, blended with quality"


def _from_labels(source: str) -> str:
    return ", and the rankers learnt from the judge's labels" if source == LABELS else ""
