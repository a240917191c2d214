"""Names answers: their signed IDs, by which readers' events are credited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from corpus.urls.url import page_id
from service.answer_ids.answer_ids import AnswerId, AnswerIds
from service.answers.answer import Name, Recommendation
from service.experiments.experiment import AND
from service.live_bundle import LoadedBundle

_TAG_SHARE = 0.5  # of the age that IDs may reach: then a revalidated copy in an HTTP cache gets a new one


class Shown(NamedTuple):
    """How an answer came to be shown as it is; without experiments all of it is empty."""

    experiment: str = ""
    arm: str = ""
    teams: tuple[int, ...] = ()
    propensities: tuple[float, ...] = ()
    shuffled: bool = False

    @property
    def label(self) -> str:
        """Experiment and arm, for metrics and tags; empty without an arm."""
        return f"{self.experiment}/{self.arm}" if self.arm else ""


PLAINLY = Shown()


class Names:
    """Gives each answer that is made an ID; equal requests share the answer and so its ID."""

    def __init__(self, ids: AnswerIds) -> None:
        self._ids = ids
        self._period_s = _TAG_SHARE * ids.max_age_s

    def name(
        self, bundles: Sequence[LoadedBundle], url1: str, pages: Sequence[Recommendation], shown: Shown = PLAINLY
    ) -> Name:
        """Return the name of an answer of these bundles, mostly one, for the canonical `url1`."""
        minted, page1 = self._ids.now(), page_id(url1)
        elsewhere = "" if any(page1 in bundle.pages for bundle in bundles) else url1
        ids = tuple([page_id(page.url) for page in pages])
        said = AnswerId(AND.join(bundle.name for bundle in bundles), minted, page1, elsewhere, ids, *shown)
        return Name(self._ids.mint(said), f"{minted // self._period_s:.0f}{shown.label}")
