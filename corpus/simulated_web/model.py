"""The simulated web's model and all its parameters.

**Pages** belong to a tree of topics: roots, their branches, their leaves. A page has a leaf, a facet (its angle on the
leaf), a language, a host that covers one root in one language, and a *worth* from 0 to 1 that is drawn around its
host's authority. The page's text reveals `worth` with noise. A share of the pages is never read: they are in no log,
can only be found by their text, and are as good as the others.

**Pages that get undeserved clicks**, as shares of all pages: clickbait (as attractive as the best pages of its topic,
but worth little), spam, duplicates (another page's text on another host, verbatim or reworded) and redirects (to
another page).

**Quality of a pair**, 0 to 4: `4 · fit · worth`, where fit is 1 in the same leaf, `branch_fit` in the same branch,
`root_fit` under the same root and `stranger_fit` elsewhere; it is multiplied by `repeat` for the same facet of the same
leaf. It is 0 for spam, redirects, another language, and two pages with the same text.

**Readers** examine position r with probability `1 / r^position_bias` and click an examined page with its *attraction*:
its apparent topical proximity, times the promise of its title, times a random factor per page. They see the promise
(high for clickbait) but not the worth before they click. The dwell time is log-normal with a median that grows with
the quality of the pair. Sessions are walks on the tree that choose pages by popularity and promise.

**Impressions** come from an earlier recommender: a fixed list of candidates per page, drawn like the steps of
sessions, with copies of the page itself first. It shows the five most popular of the list or, in a share of the
impressions, five in random order, flagged as such.

**The judge** returns the quality with Gaussian noise, and occasionally a random score.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """The kind of a page."""

    ARTICLE = 0
    CLICKBAIT = 1
    SPAM = 2
    DUPLICATE = 3
    REDIRECT = 4


@dataclass(frozen=True, slots=True)
class WebModel:
    """All parameters; shares and probabilities are in 0..1, dwell times in seconds."""

    languages: tuple[float, ...] = (0.7, 0.15, 0.15)  # shares, in the order of `words.LANGUAGES`
    pages_a_leaf: int = 60  # on average, over all languages
    hosts_a_page: float = 1 / 200
    farms: float = 0.2  # share of hosts with mostly clickbait and spam
    clickbait: float = 0.12
    spam: float = 0.04
    duplicates: float = 0.06
    redirects: float = 0.04
    unread: float = 0.3  # of the articles: in no session or impression
    branch_fit: float = 0.6
    root_fit: float = 0.25
    stranger_fit: float = 0.02
    repeat: float = 0.8  # factor on the quality of a page of the same facet
    promise: tuple[float, float] = (0.17, 0.22)  # an article's promise at worth 0, and the increase up to worth 1
    lure: tuple[float, ...] = (0.0, 0.35, 0.12, 0.0, 0.30)  # promise by kind; 0: like an article
    copy_lure: float = 0.35  # attraction of a copy of the reader's own page
    seems: tuple[float, float, float, float] = (
        1.0,
        0.7,
        0.35,
        0.1,
    )  # proximity by topic: same leaf, branch, root, other
    foreign: float = 0.1  # factor on the attraction in another language
    whim: float = 0.12  # standard deviation of the log of the random factor per page
    position_bias: float = 0.8
    dwell_s: tuple[float, float] = (6.0, 18.0)  # median at quality 0, and the increase per point of quality
    dwell_sigma: float = 0.6
    steps: tuple[float, float, float, float] = (
        0.62,
        0.22,
        0.1,
        0.06,
    )  # probabilities of a session's steps: same leaf, branch, root, any page
    stops: float = 0.35  # probability that a session ends after a page
    longest_session: int = 12
    shown_after: float = 0.5  # share of visits that show recommendations
    shown: int = 5
    listed: int = 16  # candidates of the earlier recommender per page
    explore: float = 0.1  # share of impressions in random order
    days: int = 60
    judged_a_page: float = 2.0  # labels per page; half for shown pairs, half for other pairs
    judge_noise: float = 0.4  # standard deviation, in points of quality
    judge_slips: float = 0.03  # share of labels drawn at random


MODEL = WebModel()
