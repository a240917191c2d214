"""The deadline of a whole request, shared by everything that the request waits for."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, in seconds, after which an answer is useless."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline `seconds` from now; `math.inf` never passes."""
        return cls(time.monotonic() + seconds)

    @classmethod
    def never(cls) -> Deadline:
        """Return a deadline that never passes, for offline work."""
        return cls(math.inf)

    def remaining(self) -> float:
        """Return the seconds left, 0 after the deadline."""
        return max(0.0, self.at - time.monotonic())

    def within(self, timeout_s: float) -> float | None:
        """Return the timeout, in seconds, of a step that may take `timeout_s`; None means no timeout."""
        seconds = min(timeout_s, self.remaining())
        return None if math.isinf(seconds) else seconds
