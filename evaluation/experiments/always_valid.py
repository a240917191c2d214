"""Always-valid inference: a test that stays valid however often one looks.

The mixture sequential probability ratio test with a normal mixture (Johari, Koomen, Pekelis and Walsh, "Always valid
inference: continuous monitoring of A/B tests", Operations Research 2022), and the confidence sequence that inverts it.
No kept library for the current numpy has it: GrowthBook's gbstats asks for numpy 1, confseq for a C++ compiler.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evaluation.metrics.bootstrap import Interval

#: Standard deviation of the mixture, as a share of the control's value: the test is most powerful for such effects.
TYPICAL_EFFECT = 0.1

#: Units per arm (of a shared list: pages) below which there is no look: an estimated variance is then so rough that its
#: errors would be false alarms, which stay, since the smallest p-value counts.
FEWEST = 20


@dataclass(frozen=True, slots=True)
class Look:
    """What was known at the end of a day (since 1970), valid together with all looks before."""

    day: int
    difference: Interval
    p_value: float


def look(day: int, difference: float, variance: float, spread: float, alpha: float) -> Look:
    """Return the always-valid interval and p-value of an estimated difference.

    `variance` is that of the estimate; `spread` is the standard deviation of the mixture, in units of the difference.
    """
    if variance <= 0:
        return Look(day, Interval(difference, -math.inf, math.inf), 1.0)
    gain = spread**2 / variance
    half = math.sqrt(variance * (1 + 1 / gain) * math.log((1 + gain) / alpha**2))
    log_ratio = difference**2 / (2 * variance) * gain / (1 + gain) - math.log1p(gain) / 2
    return Look(day, Interval(difference, difference - half, difference + half), min(1.0, math.exp(-log_ratio)))


def running(looks: list[Look]) -> list[Look]:
    """Return looks that only ever gain: the smallest p-value so far, the intersection of the intervals so far.

    Where an interval misses an earlier one, the later one stands alone: what is measured has changed.
    """
    found: list[Look] = []
    for now in looks:
        p_value, low, high = now.p_value, now.difference.low, now.difference.high
        if found:
            before = found[-1]
            p_value = min(p_value, before.p_value)
            if max(low, before.difference.low) <= min(high, before.difference.high):
                low, high = max(low, before.difference.low), min(high, before.difference.high)
        found.append(Look(now.day, Interval(now.difference.mean, low, high), p_value))
    return found
