"""Estimates how long a piece of work takes, from durations measured while serving."""

from __future__ import annotations

_MEAN_WEIGHT = 1 / 8  # of a new sample; as in TCP's round-trip time estimator (RFC 6298)
_DEVIATION_WEIGHT = 1 / 4
_DEVIATIONS = 2
_DECAY = 0.9


class LatencyEstimate:
    """The time to allow for a piece of work: smoothed mean plus two smoothed deviations."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop all samples."""
        self._mean: float | None = None
        self._deviation = 0.0

    def expected(self) -> float:
        """Return the estimate in seconds; 0 before the first sample."""
        return 0.0 if self._mean is None else self._mean + _DEVIATIONS * self._deviation

    def observe(self, seconds: float) -> None:
        """Add the duration of a finished piece of work."""
        if self._mean is None:
            self._mean, self._deviation = seconds, seconds / 2
            return
        self._deviation += _DEVIATION_WEIGHT * (abs(seconds - self._mean) - self._deviation)
        self._mean += _MEAN_WEIGHT * (seconds - self._mean)

    def observe_at_least(self, seconds: float) -> None:
        """Add the time after which an unfinished piece was abandoned: a lower bound, which only raises the estimate."""
        if self._mean is not None and seconds > self._mean:
            self.observe(seconds)

    def decay(self) -> None:
        """Lower the estimate after a piece was skipped as too slow; otherwise it would never be tried again."""
        if self._mean is not None:
            self._mean *= _DECAY
            self._deviation *= _DECAY
