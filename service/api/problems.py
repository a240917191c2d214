"""Errors as problems (RFC 9457): what is wrong, where, and how to fix it. HTTP sends them whole, gRPC their fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.admission.refusal import Refusal
from service.answers.resolve import ClientError, FieldError

#: The fields that errors name when a request could not be read at all.
UNREADABLE_PARTS = ("body", "Content-Type")
_MAX_IN_DETAIL = 5  # errors; `errors` lists all


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem; `kind` is the end of its `type` URN."""

    status: int
    kind: str
    title: str
    detail: str
    errors: tuple[FieldError, ...] = ()


INTERNAL = Problem(500, "internal", "The gateway failed", "The cause is in the gateway's log under this request ID.")


def invalid(errors: Sequence[FieldError]) -> Problem:
    """Return the problem of a request with invalid fields: 422, or 400 where the body is not JSON."""
    detail = "; ".join(f"{error.field}: {error.problem}" for error in errors[:_MAX_IN_DETAIL])
    status = 400 if any(error.field in UNREADABLE_PARTS for error in errors) else 422
    return Problem(status, "invalid-request", "The request cannot be answered as it stands", detail, tuple(errors))


def of_error(error: ClientError | Refusal) -> Problem:
    """Return the problem of a request that the recommender did not answer."""
    if isinstance(error, Refusal):
        return Problem(error.status, error.kind, error.title, error.detail)
    return invalid(error.errors)


def type_of(problem: Problem) -> str:
    """Return the URN that names the problem."""
    return f"urn:onward:problem:{problem.kind}"
