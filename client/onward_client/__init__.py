"""A client of Onward: pages worth reading next, over HTTP, gRPC or in process, with one interface."""

from onward_client.asynchronous import AsyncOnward
from onward_client.errors import (
    DeadlineExceeded,
    FieldError,
    Forbidden,
    GatewayFailed,
    InvalidRequest,
    NotInstalled,
    OnwardError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from onward_client.models import Answer, Event, EventResult, RecalledBy, Recommendation
from onward_client.options import Fields, Options, Request
from onward_client.retry import Retry
from onward_client.synchronous import Onward

__all__ = [
    "Answer",
    "AsyncOnward",
    "DeadlineExceeded",
    "Event",
    "EventResult",
    "FieldError",
    "Fields",
    "Forbidden",
    "GatewayFailed",
    "InvalidRequest",
    "NotInstalled",
    "Onward",
    "OnwardError",
    "Options",
    "RecalledBy",
    "Recommendation",
    "Request",
    "Retry",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
]
