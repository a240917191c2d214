"""The fields of a request: what HTTP and gRPC check before the recommender gets it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

from configs import plain_words
from service.answers.request import DEFAULT_K, MAX_BATCH, MAX_HISTORY, MAX_K, Request
from service.answers.resolve import ClientError, FieldError

EXAMPLE_URL = "https://docs.python.org/3/library/heapq.html#heapq.heappush"

#: How to fix a field, by its name.
_FIX = {
    "url1": f"send an absolute http or https URL, such as {EXAMPLE_URL}",
    "k": f"send a whole number from 1 to {MAX_K}",
    "explain": "send true or false",
    "title": "send text of at most 500 characters",
    "snippet": "send text of at most 5000 characters",
    "language": "send a language tag such as en",
    "exclude": "send a list of at most 500 URLs",
    "history": f"send a list of at most {MAX_HISTORY} URLs: the newest pages of the reader's way",
    "quality_weight": "send a number from 0 to 1, or leave it out",
    "budget_ms": "send a number of milliseconds above 0, or leave it out",
    "unit": "send text of at most 100 characters, or leave it out",
    "requests": f"send a list of 1 to {MAX_BATCH} requests",
}
_OTHER_FIX = "send a JSON object as documented at /docs"
_MAX_NAME = 100  # characters of a field name that a caller chose
#: What a language tag looks like; `service.answers.resolve` reads it.
_LANGUAGE_TAG: JsonDict = {"pattern": "^([A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*)?$"}


class RecommendQuery(BaseModel):
    """What GET /recommend takes."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    url1: Annotated[str, Field(description="the page that the reader is on: http or https", examples=[EXAMPLE_URL])]
    k: Annotated[int, Field(ge=1, le=MAX_K, description="the most pages to recommend")] = DEFAULT_K
    explain: Annotated[bool, Field(description="add what happened at every stage; such answers are not cached")] = False
    unit: Annotated[
        str, Field(max_length=100, description="who or what an experiment assigns to an arm; it is not stored")
    ] = ""

    def request(self) -> Request:
        """Return the request as the recommender takes it."""
        return Request(self.url1, self.k, self.explain, unit=self.unit)


class RecommendRequest(RecommendQuery):
    """What POST /recommend takes."""

    title: Annotated[str, Field(max_length=500, description="of an unknown page; ignored for a known one")] = ""
    snippet: Annotated[str, Field(max_length=5000, description="of an unknown page; ignored for a known one")] = ""
    language: Annotated[
        str, Field(max_length=35, description="of the page: a BCP 47 tag such as `en`", json_schema_extra=_LANGUAGE_TAG)
    ] = ""
    exclude: Annotated[
        list[str], Field(max_length=500, description="pages not to recommend, by their URLs in any spelling")
    ] = []
    history: Annotated[
        list[str],
        Field(max_length=MAX_HISTORY, description="the pages that led the reader to `url1`, newest last; not stored"),
    ] = []
    quality_weight: Annotated[
        float | None,
        Field(ge=0, le=1, description="0 ranks by clicks alone, 1 by quality; null uses the bundle's weight"),
    ] = None
    budget_ms: Annotated[
        float | None, Field(gt=0, description="time for the answer; null uses the gateway's default")
    ] = None

    def request(self) -> Request:
        """Return the request as the recommender takes it."""
        return Request(**{**dict(self), "exclude": tuple(self.exclude), "history": tuple(self.history)})


def read_request(value: Any, in_batch: bool = False) -> Request:
    """Check one request, from JSON or from gRPC. Raises ClientError, which names the fields."""
    try:
        request = RecommendRequest.model_validate(value).request()
    except ValidationError as error:
        raise ClientError(field_errors(error.errors(include_url=False, include_input=False))) from None
    if in_batch and request.explain:
        problem = FieldError("explain", "requests of a batch cannot be explained", "send the request by itself")
        raise ClientError([problem])
    return request


def field_errors(errors: Any) -> list[FieldError]:
    """Return pydantic's errors as ours; never with the values that were sent, which may be secret."""
    return [_field_error(error) for error in errors]


def not_read_in_url(name: str) -> FieldError:
    """Return what is wrong with a query parameter of a POST."""
    return FieldError(name[:_MAX_NAME], "it is not read from the URL of a POST", "send it in the body")


def _field_error(error: Any) -> FieldError:
    loc, kind = error["loc"], error["type"]
    parts = loc[1:] if loc and loc[0] in ("body", "query") else loc
    if kind == "json_invalid":
        return FieldError("body", "the body is not JSON", "send valid JSON in UTF-8")
    name = str(parts[0]) if parts else "body"
    if kind == "extra_forbidden":
        return FieldError(name[:_MAX_NAME], "it is not a field of this request", _fix_of_unknown(name, loc[0]))
    field = name + "".join(f"[{part}]" for part in parts[1:])
    return FieldError(field, plain_words.problem(error), _FIX.get(name, _OTHER_FIX))


def _fix_of_unknown(name: str, where: str | int) -> str:
    """Return what to do with an unknown field."""
    if where == "query" and name in RecommendRequest.model_fields:
        return f"send {name} in the body of a POST"
    known = RecommendQuery.model_fields if where == "query" else _FIX
    close = get_close_matches(name[:_MAX_NAME], known, n=1)
    return f"did you mean {close[0]}?" if close else "leave it out: /docs lists the fields"
