"""A circuit breaker: a server that fails is left alone for a while, then tried with one call at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

_REMEMBERED = 100  # of the latest calls, so that a busy second costs no more than a quiet one
_HALF = 0.5  # a few failures among many answers are no reason to leave a server alone


class State(IntEnum):
    """What a breaker lets through: everything, one call at a time, or nothing."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When a breaker opens, and for how long: `failures` of the calls of `window_s`, and at least half of them."""

    failures: int = 5
    window_s: float = 2.0
    open_s: float = 0.5


class Breaker:
    """Tells whether a call may be made; hears what became of it. For one event loop."""

    def __init__(
        self,
        limits: BreakerLimits,
        clock: Callable[[], float] = time.monotonic,
        changed: Callable[[State], None] = lambda state: None,
    ) -> None:
        self.state = State.CLOSED
        self._limits, self._clock, self._changed = limits, clock, changed
        self._recent: deque[tuple[float, bool]] = deque(maxlen=_REMEMBERED)  # when, and whether it failed
        self._opened = 0.0

    def admit(self) -> Attempt | None:
        """Return a call's right to be made, which must be told how it ended; None while the server is left alone."""
        if self.state is State.CLOSED:
            return Attempt(self, trial=False)
        now = self._clock()
        if self.state is State.HALF_OPEN or now - self._opened < self._limits.open_s:
            return None
        self._become(State.HALF_OPEN)
        return Attempt(self, trial=True)

    def ended(self, trial: bool, failed: bool | None) -> None:
        """Count a call's end; `failed` is None when it says nothing of the server."""
        if trial:
            self._recent.clear()
            self._opened = self._clock() if failed else self._opened
            self._become(State.CLOSED if failed is False else State.OPEN)
        elif failed is not None and self.state is State.CLOSED:  # later it is too old to count
            now = self._clock()
            self._recent.append((now, failed))
            young = [bad for when, bad in self._recent if now - when <= self._limits.window_s]
            if failed and sum(young) >= max(self._limits.failures, _HALF * len(young)):
                self._opened = now
                self._become(State.OPEN)

    def _become(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._changed(state)


@dataclass(slots=True)
class Attempt:
    """One call's right to be made: its end counts once."""

    breaker: Breaker
    trial: bool
    over: bool = False

    def ended(self, failed: bool | None) -> None:
        """Tell how the call ended: failed, answered, or None when that says nothing of the server."""
        if not self.over:
            self.over = True
            self.breaker.ended(self.trial, failed)
