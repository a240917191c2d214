"""Load shapes: the number of readers at each second."""

from __future__ import annotations

_SPIKE_FACTOR = 4  # readers in a spike per reader outside it


def users_at(shape: str, second: float, most: int, seconds: float) -> int | None:
    """Return the number of readers; None when the test is over.

    `steady`: always `most`. `spike`: `most` in the middle third, a quarter of that before and after.
    """
    if second >= seconds:
        return None
    if shape == "spike" and not seconds / 3 <= second < seconds * 2 / 3:
        return max(1, most // _SPIKE_FACTOR)
    return most
