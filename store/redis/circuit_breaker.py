"""A circuit breaker: after repeated failures, calls are rejected for a while; then one trial call at a time is made."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

_REMEMBERED = 100  # latest calls kept, so that the cost does not grow with the load
_HALF = 0.5  # of the calls: a few failures among many successes do not open the breaker


class State(IntEnum):
    """Closed: all calls pass; half-open: one trial call at a time; open: none."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """Opens after `failures` failed calls within `window_s`, if they are at least half of all; stays open `open_s`."""

    failures: int = 5
    window_s: float = 2.0
    open_s: float = 0.5


class Breaker:
    """Decides whether a call may be made, from the outcomes of earlier ones. For one event loop."""

    def __init__(
        self,
        limits: BreakerLimits,
        clock: Callable[[], float] = time.monotonic,
        changed: Callable[[State], None] = lambda state: None,
    ) -> None:
        self.state = State.CLOSED
        self._limits, self._clock, self._changed = limits, clock, changed
        self._recent: deque[tuple[float, bool]] = deque(maxlen=_REMEMBERED)  # time, and whether the call failed
        self._opened = 0.0

    def admit(self) -> Attempt | None:
        """Return a permit for one call, whose outcome must be reported; None if the call must not be made."""
        if self.state is State.CLOSED:
            return Attempt(self, trial=False)
        now = self._clock()
        if self.state is State.HALF_OPEN or now - self._opened < self._limits.open_s:
            return None
        self._set_state(State.HALF_OPEN)
        return Attempt(self, trial=True)

    def record(self, trial: bool, failed: bool | None) -> None:
        """Record a call's outcome; `failed` is None if it says nothing about the server."""
        if trial:
            self._recent.clear()
            self._opened = self._clock() if failed else self._opened
            self._set_state(State.CLOSED if failed is False else State.OPEN)
        elif failed is not None and self.state is State.CLOSED:  # a call from before it opened no longer counts
            now = self._clock()
            self._recent.append((now, failed))
            recent = [bad for when, bad in self._recent if now - when <= self._limits.window_s]
            if failed and sum(recent) >= max(self._limits.failures, _HALF * len(recent)):
                self._opened = now
                self._set_state(State.OPEN)

    def _set_state(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._changed(state)


@dataclass(slots=True)
class Attempt:
    """A permit for one call; its outcome counts only once."""

    breaker: Breaker
    trial: bool
    reported: bool = False

    def finish(self, failed: bool | None) -> None:
        """Report whether the call failed; None if its outcome says nothing about the server."""
        if not self.reported:
            self.reported = True
            self.breaker.record(self.trial, failed)
