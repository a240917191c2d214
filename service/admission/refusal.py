"""Refusals of valid requests: too many, not authorized, or too late."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is not answered; `retry_s` says when to retry, None that a retry would not help."""

    status = 429
    kind = "refused"
    title = "The request is refused"

    def __init__(self, detail: str, retry_s: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_s = retry_s

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the HTTP response."""
        return {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}


class Overloaded(Refusal):
    """More requests than can be answered in time."""

    kind = "overloaded"
    title = "The gateway is overloaded"

    def __init__(self) -> None:
        super().__init__("The answer would come too late: retry after a second, or ask another replica.", 1)


class Unauthorized(Refusal):
    """A request without a valid API key."""

    status = 401
    kind = "unauthorized"
    title = "An API key is required"

    def __init__(self) -> None:
        super().__init__("Send a valid key in `Authorization: Bearer <key>` or in `X-API-Key: <key>`.")

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the HTTP response."""
        return {"WWW-Authenticate": "Bearer"}


class ExplainForbidden(Refusal):
    """A request for an explanation where none are given."""

    status = 403
    kind = "explain-off"
    title = "Explanations are turned off"

    def __init__(self) -> None:
        super().__init__("This gateway does not explain answers (`explain.allowed`): leave `explain` out.")


class RateLimited(Refusal):
    """More requests than the key's rate limit allows."""

    kind = "rate-limited"
    title = "Too many requests"

    def __init__(self, per_minute: int, retry_s: int) -> None:
        super().__init__(
            f"This key is limited to {per_minute} requests per minute: retry after {retry_s} seconds.", retry_s
        )


class BatchTooLarge(Refusal):
    """A batch larger than the key's rate limit."""

    kind = "rate-limited"
    title = "The batch is larger than the key's rate limit"

    def __init__(self, requests: int, per_minute: int) -> None:
        super().__init__(
            f"The batch holds {requests} requests and this key is limited to {per_minute} per minute: "
            f"send at most {per_minute} at a time."
        )


class DeadlineExceeded(Refusal):
    """A request of a batch that was not answered before the caller's deadline."""

    status = 504
    kind = "too-late"
    title = "The caller's deadline has passed"

    def __init__(self) -> None:
        super().__init__(
            "The deadline passed before this request was answered: send a smaller batch, or allow more time."
        )
