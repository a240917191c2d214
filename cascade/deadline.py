"""The deadline of a whole request, shared by everything that the request waits for."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

#: The budget, in seconds, that the timeouts of parts are meant for.
USUAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, in seconds, after which an answer is useless.

    Who allows more than the usual time for an answer allows each part more in proportion: `stretch` times as much.
    """

    at: float
    stretch: float = 1.0

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline `seconds` from now; `math.inf` never passes."""
        return cls(time.monotonic() + seconds, max(1.0, seconds / USUAL_S))

    @classmethod
    def never(cls) -> Deadline:
        """Return a deadline that never passes, for offline work."""
        return cls(math.inf, math.inf)

    def remaining(self) -> float:
        """Return the seconds left, 0 after the deadline."""
        return max(0.0, self.at - time.monotonic())

    def within(self, timeout_s: float) -> float | None:
        """Return the timeout, in seconds, of a part with the timeout `timeout_s`; None means no timeout."""
        seconds = min(timeout_s * self.stretch, self.remaining())
        return None if math.isinf(seconds) else seconds
