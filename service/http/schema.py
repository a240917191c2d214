"""The shapes of batches, answers and problems in JSON, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.answers.answer import RecalledBy, Recommendation, ServedBy
from service.answers.request import MAX_BATCH
from service.answers.resolve import FieldError
from service.api.fields import EXAMPLE_URL
from service.http.problems import MEDIA_TYPE
from service.rules.rule import Action


class BatchRequest(BaseModel):
    """What POST /recommend/batch takes."""

    model_config = ConfigDict(extra="forbid")

    requests: Annotated[
        list[Any],
        Field(
            min_length=1,
            max_length=MAX_BATCH,
            description="each as POST /recommend takes it; each gets its own answer or its own problem",
            json_schema_extra={"items": {"$ref": "#/components/schemas/RecommendRequest"}},
        ),
    ]


class Dropped(BaseModel):
    """A candidate that a filter removed."""

    url: str | None
    reason: str


class RuleHit(BaseModel):
    """A rule, and a page that it blocked, pinned, boosted or buried."""

    rule: str
    action: Action
    url: str | None
    note: str


class StageCandidate(BaseModel):
    """A candidate as a stage left it; `because` is the query by which the Q' path found it."""

    url: str | None
    columns: dict[str, Any]
    because: str | None = None


class StageRecord(BaseModel):
    """What one stage left, best first, and how many more it had; counts below 5, and rates of readers, are null."""

    stage: str
    candidates: list[StageCandidate]
    left_out: int = 0


class StoredCandidate(BaseModel):
    """A page of the stored list, with its score as of now."""

    url: str
    score: float | None
    stage2: float | None
    click: float | None
    quality: float | None
    recalled_by: list[RecalledBy]


class StoredAnswer(BaseModel):
    """The list that the bundle stores for the page, best first, and what was dropped when it was made.

    `model` scored it: the student, which serves, or its teacher.
    """

    model: Literal["student", "teacher"]
    candidates: list[StoredCandidate]
    dropped: dict[str, int]
    cut: bool


class StageRun(BaseModel):
    """One run of the cross-encoder: over how many pages, and how many of them were not in its cache."""

    stage: str
    rows: int
    computed: int
    ms: float


class OtherWeights(BaseModel):
    """The answers for λ = 0, 0.01, … 1: places in `pages`, best first, and the scores of these pages."""

    pages: list[Recommendation]
    answers: list[list[int]]
    scores: list[list[float | None]]


class Explanation(BaseModel):
    """What happened to one request, which runs the cascade in full; `stored` is what would be served without it."""

    ms: dict[str, float]
    recalled: Annotated[dict[str, int], Field(description="recall path -> pages found")]
    reasons: Annotated[dict[str, int], Field(description="reason -> pages dropped")]
    runs: list[StageRun]
    weights: OtherWeights
    dropped: list[Dropped]
    rules: list[RuleHit] = []
    stages: list[StageRecord]
    stored: StoredAnswer | None = None
    arm: Annotated[str | None, Field(description="experiment/arm that ranked it")] = None


class AnswerBody(BaseModel):
    """At most k pages worth reading next, best first."""

    url1: Annotated[str, Field(description="canonical", examples=[EXAMPLE_URL])]
    recommendations: list[Recommendation]
    degraded: Annotated[list[str], Field(description="what was missing; empty for a complete answer")]
    bundle: str
    answer_id: Annotated[str, Field(description="signed; events name the answer by it; with `feedback.enabled`")] = ""
    served_by: Annotated[ServedBy, Field(description="made before it was asked for, computed now, or kept from before")]
    request_id: str
    took_ms: float
    explain: Explanation | None = None


class ProblemBody(BaseModel):
    """What is wrong with a request and how to fix it (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = []


#: How OpenAPI describes a response that is a problem.
PROBLEM: dict[str, Any] = {"model": ProblemBody, "content": {MEDIA_TYPE: {}}}


class BatchResult(BaseModel):
    """Either the answer or the problem of one request."""

    answer: AnswerBody | None = None
    problem: ProblemBody | None = None


class BatchAnswer(BaseModel):
    """The results of a batch, in the order of its requests."""

    results: list[BatchResult]
