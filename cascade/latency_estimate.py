"""How long a piece of work takes, learnt while serving."""

from __future__ import annotations

_MEAN_SHARE = 1 / 8  # of a new time in the mean, and in the deviation: as TCP times its replies (RFC 6298)
_DEVIATION_SHARE = 1 / 4
_DEVIATIONS = 2
_FORGET = 0.9


class Pace:
    """The time to allow for a piece of work: its smoothed mean and twice its smoothed deviation."""

    def __init__(self) -> None:
        self._mean: float | None = None
        self._deviation = 0.0

    def expected(self) -> float:
        """Return seconds; 0 before the first piece was done."""
        return 0.0 if self._mean is None else self._mean + _DEVIATIONS * self._deviation

    def took(self, seconds: float) -> None:
        """Learn from a piece that was done."""
        if self._mean is None:
            self._mean, self._deviation = seconds, seconds / 2
            return
        self._deviation += _DEVIATION_SHARE * (abs(seconds - self._mean) - self._deviation)
        self._mean += _MEAN_SHARE * (seconds - self._mean)

    def gave_up(self, seconds: float) -> None:
        """Note that a piece was not done after so long: it takes longer, which is all that this tells."""
        if self._mean is not None and seconds > self._mean:
            self.took(seconds)

    def skipped(self) -> None:
        """Note that a piece did not fit: what is never tried would never be found to have become fast again."""
        if self._mean is not None:
            self._mean *= _FORGET
            self._deviation *= _FORGET
