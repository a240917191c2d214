"""Requests that are well formed and refused all the same: too many, or from a stranger."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is not answered now; `retry_s` says when to ask again, None that asking again is of no use."""

    status = 429
    kind = "refused"
    title = "The request is refused"

    def __init__(self, detail: str, retry_s: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_s = retry_s

    @property
    def headers(self) -> dict[str, str]:
        """What the HTTP response says beside the problem."""
        return {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}


class Overloaded(Refusal):
    """More is asked than can be computed in time."""

    kind = "overloaded"
    title = "The gateway has more to do than it can"

    def __init__(self) -> None:
        super().__init__("The answer would come too late: ask again after a second, or ask another replica.", 1)


class Unauthorized(Refusal):
    """A request without a key that is known."""

    status = 401
    kind = "unauthorized"
    title = "A key is needed"

    def __init__(self) -> None:
        super().__init__("Send a valid key in `Authorization: Bearer <key>` or in `X-API-Key: <key>`.")

    @property
    def headers(self) -> dict[str, str]:
        """What the HTTP response says beside the problem."""
        return {"WWW-Authenticate": "Bearer"}


class ExplainForbidden(Refusal):
    """A request for a record of every stage where nobody may ask for one."""

    status = 403
    kind = "explain-off"
    title = "Answers are not explained here"

    def __init__(self) -> None:
        super().__init__("This gateway explains no answers (`explain.allowed`): leave `explain` out.")


class RateLimited(Refusal):
    """More requests than a key may make."""

    kind = "rate-limited"
    title = "Too many requests"

    def __init__(self, per_minute: int, retry_s: int) -> None:
        super().__init__(f"This key may ask {per_minute} times a minute: ask again after {retry_s} seconds.", retry_s)


class BatchTooLarge(Refusal):
    """A batch that is larger than what its key may ever ask at once."""

    kind = "rate-limited"
    title = "The batch is larger than the key's limit"

    def __init__(self, requests: int, per_minute: int) -> None:
        super().__init__(
            f"The batch holds {requests} requests and this key may ask {per_minute} a minute: "
            f"send at most {per_minute} at a time."
        )


class DeadlineExceeded(Refusal):
    """A part of a batch that the caller's deadline came before."""

    status = 504
    kind = "too-late"
    title = "The caller's deadline came first"

    def __init__(self) -> None:
        super().__init__("The deadline came before this request was answered: send fewer at a time, or allow more.")
