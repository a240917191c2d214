"""The simulated web's model and every number in it.

**Pages** hang on a tree of topics: roots, their branches, their leaves. A page has a leaf, a facet (the angle
from which it looks at its leaf), a language, a host that knows one root in one language, and a *worth* from 0 to 1
that is drawn around its host's authority. `worth` shows, with noise, in its words. A share of the pages is never read:
no log knows them, text alone finds them, and they are as good as the others.

**What earns clicks that it does not deserve**, in shares of all pages: clickbait (attracts like the best page
of its topic, worth little), spam, duplicates (another page's text on another host, verbatim or reworded) and
redirects (lead to another page).

**Quality of a pair**, 0 to 4: `4 · fit · worth`, where fit is 1 in one leaf, `branch_fit` in one branch, `root_fit`
under one root and `stranger_fit` elsewhere, and a page from the same facet of the same leaf is worth `repeat` of it.
It is 0 for spam, a redirect, another language, and two pages of one text.

**Readers** look at position r with probability `1 / r^position_bias` and click a page that they look at with its
*attraction*: how near it seems, times how much its title promises, times a fixed whim of its own. They cannot see
worth before they click, and see the promise of clickbait. They then stay a log-normal time whose median grows with
the quality of the pair. Sessions walk the tree and choose by popularity and promise.

**Impressions** come from an earlier recommender: a fixed list of candidates a page, drawn like the steps of sessions,
copies of the page itself first; the best five by popularity are shown, or, in a share of the impressions, five
of the list in random order, flagged so.

**The judge** sees the quality with normal noise, and now and then is wrong altogether.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """What a page is."""

    ARTICLE = 0
    CLICKBAIT = 1
    SPAM = 2
    DUPLICATE = 3
    REDIRECT = 4


@dataclass(frozen=True, slots=True)
class WebModel:
    """Every tunable; shares and probabilities are in 0..1, dwell times in seconds."""

    languages: tuple[float, ...] = (0.7, 0.15, 0.15)  # shares, in the order of `words.LANGUAGES`
    pages_a_leaf: int = 60  # on average, all languages
    hosts_a_page: float = 1 / 200
    farms: float = 0.2  # of the hosts: where clickbait and spam live
    clickbait: float = 0.12
    spam: float = 0.04
    duplicates: float = 0.06
    redirects: float = 0.04
    unread: float = 0.3  # of the articles: in no session and no impression
    branch_fit: float = 0.6
    root_fit: float = 0.25
    stranger_fit: float = 0.02
    repeat: float = 0.8  # of the quality of a page from the same facet
    promise: tuple[float, float] = (0.17, 0.22)  # an article's attraction: worth 0, and how much worth 1 adds
    lure: tuple[float, ...] = (0.0, 0.35, 0.12, 0.0, 0.30)  # attraction by kind; 0: that of an article
    copy_lure: float = 0.35  # of a copy of the reader's own page: nothing looks nearer
    seems: tuple[float, float, float, float] = (1.0, 0.7, 0.35, 0.1)  # how near a page seems: leaf, branch, root, other
    foreign: float = 0.1  # of the attraction, in another language
    whim: float = 0.12  # deviation of the logarithm of a page's own charm
    position_bias: float = 0.8
    dwell_s: tuple[float, float] = (6.0, 18.0)  # median at quality 0, and what each point of quality adds
    dwell_sigma: float = 0.6
    steps: tuple[float, float, float, float] = (0.62, 0.22, 0.1, 0.06)  # of a session: same leaf, branch, root, any
    stops: float = 0.35  # chance that a session ends after a page
    longest_session: int = 12
    shown_after: float = 0.5  # share of visits that show recommendations
    shown: int = 5
    listed: int = 16  # candidates of the earlier recommender, a page
    explore: float = 0.1  # share of impressions in random order
    days: int = 60
    judged_a_page: float = 2.0  # labels; half of pairs that were shown, half of pairs that need not have been
    judge_noise: float = 0.4  # standard deviation, in points of quality
    judge_slips: float = 0.03  # share of labels drawn at random


MODEL = WebModel()
