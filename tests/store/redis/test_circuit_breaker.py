from __future__ import annotations

from dataclasses import dataclass, field

from store.redis.circuit_breaker import Breaker, BreakerLimits, State

LIMITS = BreakerLimits(failures=3, window_s=2.0, open_s=0.5)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Made:
    clock: Clock = field(default_factory=Clock)
    states: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = Breaker(LIMITS, self.clock, self.states.append)

    def call(self, failed: bool | None) -> bool:
        attempt = self.breaker.admit()
        if attempt is not None:
            attempt.finish(failed)
        return attempt is not None

    def opened(self) -> Made:
        for _ in range(3):
            self.call(failed=True)
        assert self.breaker.state is State.OPEN
        return self


def test_failures_within_the_window_open_the_breaker() -> None:
    made = Made().opened()
    assert not made.call(failed=False)


def test_failures_further_apart_than_the_window_do_not_open_the_breaker() -> None:
    made = Made()
    for _ in range(10):
        made.call(failed=True)
        made.clock.now += 1.1
    assert made.breaker.state is State.CLOSED


def test_a_few_failures_among_many_answers_do_not_open_the_breaker() -> None:
    made = Made()
    for _ in range(10):
        made.call(failed=True)
        made.call(failed=False)
        made.call(failed=False)
    assert made.breaker.state is State.CLOSED


def test_after_the_pause_one_trial_call_at_a_time_is_admitted() -> None:
    made = Made().opened()
    made.clock.now += 0.5
    trial = made.breaker.admit()
    assert trial is not None
    assert made.breaker.admit() is None
    trial.finish(failed=False)
    assert made.call(failed=False) and made.call(failed=False)


def test_a_failed_trial_opens_the_breaker_for_another_pause() -> None:
    made = Made().opened()
    made.clock.now += 0.5
    assert made.call(failed=True)
    made.clock.now += 0.4
    assert not made.call(failed=False)
    made.clock.now += 0.1
    assert made.call(failed=False)
    assert made.breaker.state is State.CLOSED


def test_a_trial_without_a_verdict_is_repeated_immediately() -> None:
    made = Made().opened()
    made.clock.now += 0.5
    assert made.call(failed=None)
    assert made.call(failed=False)


def test_a_call_that_ends_after_the_breaker_opened_changes_nothing() -> None:
    made = Made()
    early = made.breaker.admit()
    made.opened()
    assert early is not None
    early.finish(failed=False)
    assert made.breaker.state is State.OPEN


def test_closing_the_breaker_forgets_old_failures() -> None:
    made = Made().opened()
    made.clock.now += 0.5
    made.call(failed=False)
    made.call(failed=True)
    assert made.breaker.state is State.CLOSED


def test_the_outcome_of_a_call_counts_once() -> None:
    made = Made()
    attempt = made.breaker.admit()
    assert attempt is not None
    for _ in range(3):
        attempt.finish(failed=True)
    assert made.breaker.state is State.CLOSED


def test_every_change_of_state_is_reported() -> None:
    made = Made().opened()
    made.clock.now += 0.5
    made.call(failed=False)
    assert made.states == [State.OPEN, State.HALF_OPEN, State.CLOSED]
