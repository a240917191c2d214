"""Why a whole batch of events is refused."""

from __future__ import annotations

from service.admission.refusal import Refusal


class TooManyEvents(Refusal):
    """A batch with more events than are read at once."""

    status = 413
    kind = "too-many-events"
    title = "The batch has too many events"

    def __init__(self, events: int, most: int) -> None:
        super().__init__(f"events: there are {events}: send at most {most} at a time.")


class NotKept(Refusal):
    """Events that could not be written: none of the batch is acknowledged."""

    status = 503
    kind = "events-not-kept"
    title = "The events could not be kept"

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}: none was recorded; send the same events again after ten seconds.", 10)
