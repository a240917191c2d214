"""How many answers are computed at a time: as many as help, and whoever would be answered late is told at once.

What counts is the time of what an answer cannot do without. The cross-encoder fills whatever time is left, and reads
fewer pairs where there is little: that is no overload.

The limit follows the *gradient* of that time: how long it takes now against how long it takes an answer that has the
machine to itself. While it takes less than `TOLERANCE` times as long the limit grows, beyond that it shrinks.

Two nearer signals are not used, the share of degraded answers and time against the budget: both take a part that hangs
for overload and would then refuse what can be answered without it. A hanging part makes the lone answer slow too, so
the gradient stays 1. The budget only caps what counts as good time, for machines on which a lone answer nearly fills
it: the ladder of degradation ends every answer near its budget, so time would look good however much is asked.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from statistics import median

from service.metrics import Metrics
from service.refusal import Overloaded
from service.settings import OverloadSettings

TOLERANCE = 3.0  # times the lone answer's time, from which on the limit shrinks
_START = 8.0
_STEP = 10  # answers, at least, between two changes of the limit
_LONE = 5  # answers that had the machine to themselves: the median of the last ones is the measure
_PROBES = 3  # lone answers of a probe: they outvote the older ones
_SOON_S = 5.0  # between two probes that are made because times doubled, by load or by a part that hangs
_CAP = 0.5  # of the budget: what takes longer is no good time, unless a lone answer takes as long


class GradientLimit:
    """The limit on computations that run at a time; pure but for the clock.

    Under steady load no answer is alone: after `probe_s` without a moment's rest the limit is 1 for a few of them.
    """

    def __init__(self, most: int, budget_s: float, probe_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.running = 0
        self._most, self._budget_s, self._probe_s, self._clock = float(most), budget_s, probe_s, clock
        self._limit = min(_START, self._most)
        self._begun = 0
        self._recent: list[tuple[float, float]] = []  # without and with what could have been left out
        self._lone: deque[float] = deque(maxlen=_LONE)
        self._to_probe = 0
        self._rested = self._changed = clock()
        self._probed = -math.inf
        self._typical = self._held = 0.0

    @property
    def limit(self) -> int:
        """How many may run at a time now."""
        return 1 if self._to_probe else int(self._limit)

    @property
    def usual(self) -> int:
        """The limit without regard to a probe, which is over soon."""
        return int(self._limit)

    @property
    def typical_s(self) -> float:
        """How long what an answer cannot do without took lately; 0 while it is not known."""
        return self._typical

    @property
    def held_s(self) -> float:
        """How long a whole computation took lately; 0 while it is not known."""
        return self._held

    def begin(self) -> tuple[float, int, bool]:
        """Note that a computation begins; give what it returns to `end`."""
        now = self._clock()
        if self.running == 0:
            self._rested = now
        elif now - self._rested > self._probe_s:
            self._probe()
        self.running += 1
        self._begun += 1
        return now, self._begun, self.running == 1

    def end(self, began: tuple[float, int, bool], told: bool = True, spare_s: float = 0.0) -> None:
        """Note that it is over, having spent `spare_s` on what it could have left out.

        One that was cancelled tells nothing of the time it would have taken.
        """
        started, number, alone = began
        crowded = self.running
        self.running -= 1
        alone = alone and number == self._begun  # nobody came along meanwhile
        self._to_probe = max(0, self._to_probe - alone)
        if not told:
            return
        held = self._clock() - started
        seconds = max(0.0, held - spare_s)
        if alone:
            self._lone.append(seconds)
        if started >= self._changed:  # what began under another limit tells of that one
            self._recent.append((seconds, held))
        if len(self._recent) >= max(_STEP, self._limit):
            self._adapt(crowded)

    def _adapt(self, crowded: int) -> None:
        self._typical, self._held = (median(times) for times in zip(*self._recent, strict=True))
        self._recent.clear()
        self._changed = self._clock()
        if self._to_probe:
            return
        if not self._lone:
            self._probe()
            return
        lone = median(self._lone)
        good = max(lone, min(TOLERANCE * lone, _CAP * self._budget_s))
        gradient = max(0.5, min(1.0, good / max(self._typical, 1e-6)))
        if gradient == 0.5 and self._changed - self._probed > _SOON_S:
            self._probe()
        room = math.sqrt(self._limit) * (1.0 if gradient == 1.0 else 0.5)  # always some: how else would it grow again
        better = gradient * self._limit + room
        if better > self._limit and crowded < self._limit / 2:
            return  # nobody needs more: a limit that grows unused would let the next flood in
        self._limit = max(1.0, min(self._most, better))

    def _probe(self) -> None:
        self._rested = self._probed = self._clock()
        self._to_probe = _PROBES


class Permit:
    """The right to compute, now or soon; `close` gives it back, once is enough."""

    def __init__(self, gate: Gate, turn: asyncio.Future[None] | None) -> None:
        self._gate, self._turn = gate, turn
        self._began: tuple[float, int, bool] | None = None
        self._closed = False
        self.spare_s = 0.0  # of its time, spent on what could have been left out
        if turn is None:
            self.start()

    def start(self) -> None:
        """Begin; the gate calls it when the turn has come."""
        self._began = self._gate.limit.begin()
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    async def turn(self) -> None:
        """Wait until the computation may begin."""
        if self._turn is not None:
            await self._turn

    def close(self, told: bool = True) -> None:
        """Give the permit back; `told` says whether its time tells something."""
        if self._closed:
            return
        self._closed = True
        if self._began is not None:
            self._gate.limit.end(self._began, told, self.spare_s)
        self._gate.next(self)


class Gate:
    """Lets computations in, in the order in which they came; for one event loop."""

    def __init__(self, settings: OverloadSettings, budget_s: float, metrics: Metrics) -> None:
        self.limit = GradientLimit(settings.most, budget_s, settings.probe_s)
        self._share, self._most = settings.budget_share, settings.most
        self._waiting: dict[Permit, None] = {}
        self._refused = metrics.refused.labels("overloaded")
        metrics.limit.set_function(lambda: self.limit.limit)
        metrics.running.set_function(lambda: self.limit.running)
        metrics.waiting.set_function(lambda: len(self._waiting))

    def enter(self, budget_s: float) -> Permit:
        """Return a permit whose turn has come or will in time. Raises Overloaded at once otherwise."""
        self.check(budget_s)
        if self._open:
            return Permit(self, None)
        permit = Permit(self, asyncio.get_running_loop().create_future())
        self._waiting[permit] = None
        return permit

    def check(self, budget_s: float) -> None:
        """Raise Overloaded where `enter` would."""
        ahead = len(self._waiting) + 1
        wait_s = ahead / self.limit.usual * self.limit.held_s
        late = wait_s + self.limit.typical_s > self._share * budget_s
        if not self._open and (late or ahead > self._most):
            self._refused.inc()
            raise Overloaded

    @property
    def _open(self) -> bool:
        return not self._waiting and self.limit.running < self.limit.limit

    def next(self, closed: Permit) -> None:
        """Let in who waits, now that one is gone."""
        self._waiting.pop(closed, None)
        while self._waiting and self.limit.running < self.limit.limit:
            permit = next(iter(self._waiting))
            del self._waiting[permit]
            permit.start()
