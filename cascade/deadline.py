"""One deadline for a whole request, shared by everything that it waits for."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, in seconds, after which an answer is of no use."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline `seconds` from now; `math.inf` never passes."""
        return cls(time.monotonic() + seconds)

    @classmethod
    def never(cls) -> Deadline:
        """Return the deadline of offline work."""
        return cls(math.inf)

    def remaining(self) -> float:
        """Return the seconds left, 0 when it has passed."""
        return max(0.0, self.at - time.monotonic())

    def within(self, timeout_s: float) -> float | None:
        """Return the seconds to wait for a step that may take `timeout_s`; None waits for ever."""
        seconds = min(timeout_s, self.remaining())
        return None if math.isinf(seconds) else seconds
