"""Sample-ratio mismatch: whether the arms have as many units as their shares say."""

from __future__ import annotations

from collections.abc import Mapping

from scipy.stats import chisquare

from corpus.schema import InputError

#: Below it, something is wrong with the assignment or the events: the usual threshold, as the test is always looked at.
MISMATCH = 0.001


def p_value(counts: Mapping[str, int], shares: Mapping[str, float] | None) -> float:
    """Return the chi-squared test's p-value of the units per arm against the shares (None: equal ones).

    Raises InputError for an arm without a share.
    """
    if missing := sorted(counts.keys() - (shares or counts).keys()):
        raise InputError(f"no share of the arm {missing[0]!r}: give the file of arms that was served, or all --share")
    weights = [1.0 if shares is None else shares[arm] for arm in counts]
    total = sum(counts.values())
    if len(counts) < 2 or total == 0:
        return 1.0
    return float(chisquare(list(counts.values()), [total * weight / sum(weights) for weight in weights]).pvalue)
