"""The shapes of load: how many readers there are at each second."""

from __future__ import annotations

_CALM = 4  # outside a spike there is one reader for so many in it


def users_at(shape: str, second: float, most: int, seconds: float) -> int | None:
    """Return how many readers there are, None when the test is over.

    `steady`: all the time `most`. `spike`: a quarter of them, `most` in the middle third, a quarter again.
    """
    if second >= seconds:
        return None
    if shape == "spike" and not seconds / 3 <= second < seconds * 2 / 3:
        return max(1, most // _CALM)
    return most
