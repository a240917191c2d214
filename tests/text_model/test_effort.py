import numpy as np
import pytest

from text_model.effort import due, held_out_pages, steps

_SHARE = 0.05


@pytest.mark.parametrize(
    ("limit", "per_step", "pages", "visits", "found"),
    [
        (1_000, 512, 294, 250.0, 144),  # a small site
        (1_000, 512, 4_604, 250.0, 1_000),  # the setting is the limit
        (1_000, 512, 1, 1.0, 1),
        (0, 64, 294, 6.0, 0),
    ],
)
def test_steps_follow_the_pages(limit: int, per_step: int, pages: int, visits: float, found: int) -> None:
    assert steps(limit, per_step, pages, visits) == found


def test_a_share_of_the_pages_of_all_examples_is_held_out() -> None:
    held = held_out_pages(_SHARE, np.repeat(np.arange(300), 5), np.arange(200, 400))
    assert len(held) == 20
    assert list(held) == sorted(set(held.tolist()))
    assert list(held) == list(held_out_pages(_SHARE, np.arange(400)))
    assert len(held_out_pages(_SHARE, np.arange(100_000))) == 200


def test_of_few_pages_none_is_held_out() -> None:
    assert len(held_out_pages(_SHARE, np.arange(99))) == 0
    assert len(held_out_pages(_SHARE)) == 0
    assert len(held_out_pages(0.0, np.arange(400))) == 0


def test_held_out_pages_are_checked_twenty_times_and_at_the_end() -> None:
    assert [done for done in range(1, 401) if due(done, 400)] == list(range(20, 401, 20))
    assert [done for done in range(1, 29) if due(done, 28)] == [10, 20, 28]  # a check costs about a step
