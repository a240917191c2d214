"""Asks a language model about stored lists, and publishes its column where held-out readers show that it helps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.reading import SettingsError
from evidence.llm_weight import weigh
from evidence.page_evidence import PageEvidence
from evidence.stored_lists import PageList, thin_lists
from evidence.title_scorer import TitleScorer
from pipeline.republish import republish
from pipeline.runner.progress import progress
from ranking.blend import LLM, Blend
from ranking.stored_answers import FILE, HEAD, TABLE
from store.answer_row import is_row, with_llm
from store.bundle import Bundle, Opens
from store.tables import LmdbTable, write_table

FEWEST = 30  # pages with held-out readers: of fewer no interval says much

Steps = Mapping[int, NDArray[np.uint64]]


@dataclass(slots=True)
class Reranked:
    """What came of it."""

    bundle: str  # the current bundle: a new one, or the old one where nothing was changed
    weighed: int = 0  # thin pages with held-out readers, on which the scores were weighed
    written: int = 0  # lists with the column in the new bundle
    asked: int = 0  # pages that the model was asked about in this run; the rest was cached
    seconds: float = 0.0  # of the model in this run
    why: str = ""  # nothing was changed
    choice: dict[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Return the figures as JSON takes them."""
        return {"bundle": self.bundle} | self.figures()

    def figures(self) -> dict[str, object]:
        """Return the same without the bundle, whose manifest holds them."""
        per_page = round(self.seconds / self.asked, 3) if self.asked else None
        names = ("weighed", "written", "asked", "why")
        return {name: getattr(self, name) for name in names} | {"seconds_per_page": per_page, **self.choice}


@dataclass(slots=True)
class Reranker:
    """Everything that asking needs."""

    pages: LmdbTable
    answers: LmdbTable
    scorer: TitleScorer
    evidence: PageEvidence | None

    def scores(self, lists: Sequence[PageList], name: str) -> list[NDArray[np.float32]]:
        """Return the model's scores of each list's candidates; a killed run loses one page."""
        found = []
        with progress(name, len(lists)) as advance:
            for number, each in enumerate(lists, 1):
                passages = [] if self.evidence is None else self.evidence.of(each.text)
                found.append(self.scorer.scores(shown(each), passages, each.titles))
                advance(number)
        return found


def shown(page: PageList) -> str:
    """Return a page as the prompt has it."""
    return f"{page.text.title}. {page.text.snippet}" if page.text.snippet else page.text.title


def rerank(
    bundles: Path, bundle: Bundle, reranker: Reranker, steps: Steps, most: int, weigh_on: int,
    opens: Opens | None = None,
) -> Reranked:  # fmt: skip
    """Ask about the `weigh_on` thinnest pages with held-out `steps`; if that helps, also about the `most` thinnest."""
    asked = list(thin_lists(reranker.pages, reranker.answers, weigh_on, steps))
    done, begun = Reranked(bundle.name, len(asked)), time.monotonic()
    if len(asked) < FEWEST:
        done.why = f"held-out readers of {len(asked)} pages only, at least {FEWEST} are needed: give more --clicks"
        return done
    scores = reranker.scores(asked, "pages with held-out readers")
    blend = Blend.load(bundle.file("blend.json"))
    weighed = weigh(asked, scores, steps, blend, bundle.manifest.seed)
    choice = weighed.choice
    done.choice = choice.figures() | {"deviation": round(weighed.deviation, 4)}
    if choice.weight:
        known = {each.page for each in asked}
        rest = [each for each in thin_lists(reranker.pages, reranker.answers, most) if each.page not in known]
        scores += reranker.scores(rest, "other thin pages")
        asked += rest
    done.asked, done.seconds = reranker.scorer.asked, time.monotonic() - begun
    if not choice.weight:
        done.why = "its gain may be chance"
        return done
    columns = {each.page: weighed.column(own) for each, own in zip(asked, scores, strict=True)}
    done.written = len(columns)
    done.bundle = republish(
        bundles, bundle, TABLE, lambda file: _write(reranker.answers, columns, file), opens, {LLM: done.figures()}
    )
    return done


def open_answers(bundle: Bundle) -> LmdbTable:
    """Open the stored lists. Raises SettingsError where the bundle has none."""
    if FILE not in bundle.manifest.files:
        raise SettingsError(
            f"bundle {bundle.name} has no stored answers: build with answers.most_pages above 0, or run"
            " `onward refresh answers`"
        )
    return LmdbTable(bundle.file(FILE))


def _write(answers: LmdbTable, columns: Mapping[int, NDArray[np.float32]], file: Path) -> int:
    """Write all rows; those of other pages lose the column of an earlier model, which was weighed otherwise."""

    def row_of(page: int, row: bytes) -> bytes:
        return with_llm(page, row, columns.get(page)) if page != HEAD and is_row(page, row) else row

    return write_table(file, ((page, row_of(page, row)) for page, row in answers.items()))
