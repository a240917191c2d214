"""What a way to a gateway does; HTTP, gRPC and in process are the three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from onward_client.errors import DeadlineExceeded, OnwardError
from onward_client.models import Answer, Event, EventResult

_RESERVED = 0.1  # of the time until the deadline, for sending the answer


@dataclass(frozen=True, slots=True)
class Call:
    """How long one attempt may take, in seconds, and the request ID, which all attempts share."""

    left_s: float
    request_id: str

    @property
    def budget_ms(self) -> float:
        """Milliseconds that the gateway may take for an answer that arrives in time."""
        return max(1.0, self.left_s * 1e3 * (1 - _RESERVED))


class Transport(Protocol):
    """One attempt each. Raises OnwardError."""

    async def recommend(self, request: Mapping[str, Any], call: Call) -> Answer: ...

    async def batch(self, requests: Sequence[Mapping[str, Any]], call: Call) -> list[Answer | OnwardError]: ...

    async def record(self, events: Sequence[Event], call: Call) -> list[EventResult]: ...

    async def close(self) -> None: ...


def with_budget(request: Mapping[str, Any], call: Call, default_ms: float) -> dict[str, Any]:
    """Return the request with the deadline as its budget, where that is shorter: a longer one makes answers slow."""
    budget_ms = request.get("budget_ms", default_ms)
    shorter = isinstance(budget_ms, int | float) and call.budget_ms < budget_ms
    return {**request, "budget_ms": call.budget_ms} if shorter else {**request}


def too_late(timeout: float, request_id: str) -> DeadlineExceeded:
    """Return the error of a call that was not answered within `timeout` seconds."""
    return DeadlineExceeded(f"there is no answer within {timeout:g} s: allow more time", request_id=request_id)


def closed() -> OnwardError:
    """Return the error of a call that was waiting when its client was closed."""
    return OnwardError("the client was closed before there was an answer: close it after the last call")
