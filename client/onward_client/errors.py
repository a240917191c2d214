"""Errors: the gateway's problem, or why there is no answer at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_URN = "urn:onward:problem:"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request, and how to fix it."""

    field: str
    problem: str
    fix: str


class OnwardError(Exception):
    """A call without an answer.

    `status` is that of HTTP, also over gRPC and in process (None: no gateway answered); `kind` names the problem, such
    as `overloaded`. `retry_after` is in seconds: when the gateway would take the request; None: it did not say.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        kind: str = "",
        title: str = "",
        errors: tuple[FieldError, ...] = (),
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail, self.status, self.kind, self.title = detail, status, kind, title
        self.errors, self.request_id, self.retry_after = errors, request_id, retry_after

    def __str__(self) -> str:
        fixes = "; ".join(f"{each.field}: {each.problem}: {each.fix}" for each in self.errors)
        return f"{fixes or self.detail} (request {self.request_id})" if self.request_id else fixes or self.detail

    @property
    def transient(self) -> bool:
        """Whether the same request may be answered if it is sent again."""
        return False


class InvalidRequest(OnwardError):
    """The request cannot be answered as it stands; `errors` names the fields."""


class Unauthorized(OnwardError):
    """The gateway wants a valid API key."""


class Forbidden(OnwardError):
    """The gateway does not do this for this caller, such as explain."""


class TooManyRequests(OnwardError):
    """The gateway is overloaded, or the key's rate limit is reached."""

    @property
    def transient(self) -> bool:
        """The gateway says when to retry; where it does not, a retry would not help."""
        return self.retry_after is not None


class Unavailable(OnwardError):
    """No gateway could be reached, or it is starting, stopping or cannot keep events."""

    @property
    def transient(self) -> bool:
        """Another replica, or the same one a little later, may answer."""
        return True


class DeadlineExceeded(OnwardError):
    """The call's deadline passed, retries included."""


class GatewayFailed(OnwardError):
    """The gateway has a bug, or what answered is no gateway."""


class NotInstalled(ImportError):
    """A package of an extra is missing; the message says which."""


_OF_STATUS = {
    401: Unauthorized,
    403: Forbidden,
    429: TooManyRequests,
    502: Unavailable,  # of a proxy
    503: Unavailable,
    504: DeadlineExceeded,
}


def error_of(status: int, problem: Mapping[str, Any], request_id: str, retry_after: float | None = None) -> OnwardError:
    """Return the error of a problem (RFC 9457); of what is no problem, such as a proxy's page, by its status alone."""
    other = InvalidRequest if 400 <= status < 500 else GatewayFailed
    return _OF_STATUS.get(status, other)(
        str(problem.get("detail") or problem.get("title") or f"what answered gave status {status} and no problem"),
        status=status,
        kind=str(problem.get("type", "")).removeprefix(_URN),
        title=str(problem.get("title", "")),
        errors=_field_errors(problem.get("errors")),
        request_id=request_id,
        retry_after=retry_after,
    )


def _field_errors(errors: object) -> tuple[FieldError, ...]:
    """Return the errors of fields; none where they are not those of a gateway."""
    try:
        return tuple(FieldError(each["field"], each["problem"], each["fix"]) for each in errors)  # type: ignore[attr-defined]
    except (KeyError, TypeError):
        return ()
