"""The rubric: a documented judge that labels pairs of pages 0 to 4 without a language model.

| rule | effect |
|---|---|
| topicality: 0.7 · likeness of titles and snippets + 0.3 · √word overlap, through a logistic curve | 0 to 4 |
| where the encoder does not understand a page, the word overlap replaces the likeness | |
| repetition: a page with nearly the same text adds little | up to 1 point off |
| authority of the second page: no https, an odd URL, hardly any text | 10 % off for each |
| duplicate (same address, similar fingerprint), another language, spam | 0 |

0 is useless, 1 weak, 2 fair, 3 good, 4 exactly what to read next. The curve is a least-squares fit of
the share of people who would follow a recommendation, on 1,023 human-judged pairs of news articles
(CNRec); a site's own labels, if given, rescale it (`pipeline.labels.judge.calibrated`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.quality.pages import Pairs
from store.page_row import near_duplicate

TOP_QUALITY = 4.0


@dataclass(frozen=True, slots=True)
class Rubric:
    """The rubric's tunables."""

    overlap_share: float = 0.3  # weight of √word overlap in topicality; the rest is the likeness
    middle: float = 0.28  # topicality at which half of the people would follow
    slope: float = 0.1
    repeats_from: float = 0.75  # topicality above which the second page repeats the first
    repetition: float = 1.0  # points off at topicality 1
    min_words: int = 3  # a second page with fewer has hardly any text
    authority_step: float = 0.1


@dataclass(frozen=True, slots=True)
class RubricJudge:
    """Judges by the rubric."""

    rubric: Rubric = Rubric()

    def judge(
        self, pairs: Pairs, likeness: NDArray[np.float32], weight: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return the quality of each pair, 0 to 4; `likeness` and `weight` are those of `TextVectors`.

        Raises ValueError unless there is one likeness per pair.
        """
        if len(likeness) != len(pairs):
            raise ValueError(f"{len(likeness)} likenesses for {len(pairs)} pairs")
        topicality = self.topicality(pairs, likeness, weight)
        quality = (self._worth(topicality) - self._repetition(topicality)) * self._authority(pairs)
        return np.where(_useless(pairs), 0.0, np.clip(quality, 0.0, TOP_QUALITY)).astype(np.float32)

    def topicality(
        self, pairs: Pairs, likeness: NDArray[np.float32], weight: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return how close the two pages' topics are: about 0 for unrelated pages, 1 for the same text.

        A likeness counts according to its weight, NaN not at all; the word overlap makes up the rest.
        """
        known = np.isfinite(likeness)
        share = (1.0 - self.rubric.overlap_share) * known * (1.0 if weight is None else weight)
        overlap = np.sqrt(np.clip(pairs.word_overlap(), 0.0, 1.0))
        return (share * np.where(known, likeness, 0.0) + (1.0 - share) * overlap).astype(np.float32)

    def _worth(self, topicality: NDArray[np.float32]) -> NDArray[np.float32]:
        worth: NDArray[np.float32] = TOP_QUALITY / (1.0 + np.exp((self.rubric.middle - topicality) / self.rubric.slope))
        return worth

    def _repetition(self, topicality: NDArray[np.float32]) -> NDArray[np.float32]:
        beyond = (topicality - self.rubric.repeats_from) / (1.0 - self.rubric.repeats_from)
        off: NDArray[np.float32] = self.rubric.repetition * np.clip(beyond, 0.0, 1.0)
        return off

    def _authority(self, pairs: Pairs) -> NDArray[np.float32]:
        pages, right = pairs.pages, pairs.right
        faults = ~pages.secure[right] * 1 + ~pages.sane_url[right] + (pages.word_count[right] < self.rubric.min_words)
        return (1.0 - self.rubric.authority_step * faults).astype(np.float32)


def _useless(pairs: Pairs) -> NDArray[np.bool_]:
    """Return a mask of the pairs that get 0 whatever their topic: duplicates, other languages, spam."""
    language1, language2 = pairs.of_both("language")
    address1, address2 = pairs.of_both("address")
    print1, print2 = pairs.of_both("fingerprint")
    alike = near_duplicate(print1, print2)
    foreign = (language1 != language2) & (language1 != 0) & (language2 != 0)
    useless: NDArray[np.bool_] = (address1 == address2) | alike | foreign | pairs.pages.spam[pairs.right]
    return useless
