# mypy: ignore-errors
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecommendRequest(_message.Message):
    __slots__ = ("url1", "k", "explain", "title", "snippet", "language", "exclude", "quality_weight", "budget_ms", "unit", "history")
    URL1_FIELD_NUMBER: _ClassVar[int]
    K_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SNIPPET_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MS_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    url1: str
    k: int
    explain: bool
    title: str
    snippet: str
    language: str
    exclude: _containers.RepeatedScalarFieldContainer[str]
    quality_weight: float
    budget_ms: float
    unit: str
    history: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, url1: _Optional[str] = ..., k: _Optional[int] = ..., explain: _Optional[bool] = ..., title: _Optional[str] = ..., snippet: _Optional[str] = ..., language: _Optional[str] = ..., exclude: _Optional[_Iterable[str]] = ..., quality_weight: _Optional[float] = ..., budget_ms: _Optional[float] = ..., unit: _Optional[str] = ..., history: _Optional[_Iterable[str]] = ...) -> None: ...

class RecommendResponse(_message.Message):
    __slots__ = ("url1", "recommendations", "degraded", "bundle", "request_id", "took_ms", "explain", "served_by", "answer_id")
    URL1_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDATIONS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    SERVED_BY_FIELD_NUMBER: _ClassVar[int]
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    url1: str
    recommendations: _containers.RepeatedCompositeFieldContainer[Recommendation]
    degraded: _containers.RepeatedScalarFieldContainer[str]
    bundle: str
    request_id: str
    took_ms: float
    explain: str
    served_by: str
    answer_id: str
    def __init__(self, url1: _Optional[str] = ..., recommendations: _Optional[_Iterable[_Union[Recommendation, _Mapping]]] = ..., degraded: _Optional[_Iterable[str]] = ..., bundle: _Optional[str] = ..., request_id: _Optional[str] = ..., took_ms: _Optional[float] = ..., explain: _Optional[str] = ..., served_by: _Optional[str] = ..., answer_id: _Optional[str] = ...) -> None: ...

class Recommendation(_message.Message):
    __slots__ = ("url", "title", "snippet", "score", "click", "quality", "recalled_by")
    URL_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SNIPPET_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CLICK_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    RECALLED_BY_FIELD_NUMBER: _ClassVar[int]
    url: str
    title: str
    snippet: str
    score: float
    click: float
    quality: float
    recalled_by: _containers.RepeatedCompositeFieldContainer[RecalledBy]
    def __init__(self, url: _Optional[str] = ..., title: _Optional[str] = ..., snippet: _Optional[str] = ..., score: _Optional[float] = ..., click: _Optional[float] = ..., quality: _Optional[float] = ..., recalled_by: _Optional[_Iterable[_Union[RecalledBy, _Mapping]]] = ...) -> None: ...

class RecalledBy(_message.Message):
    __slots__ = ("path", "rank")
    PATH_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    path: str
    rank: int
    def __init__(self, path: _Optional[str] = ..., rank: _Optional[int] = ...) -> None: ...

class RecommendBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[RecommendRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[RecommendRequest, _Mapping]]] = ...) -> None: ...

class RecommendBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RecommendBatchResult]
    def __init__(self, results: _Optional[_Iterable[_Union[RecommendBatchResult, _Mapping]]] = ...) -> None: ...

class RecommendBatchResult(_message.Message):
    __slots__ = ("answer", "problem")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    answer: RecommendResponse
    problem: Problem
    def __init__(self, answer: _Optional[_Union[RecommendResponse, _Mapping]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("title", "status", "detail", "errors", "type")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    title: str
    status: int
    detail: str
    errors: _containers.RepeatedCompositeFieldContainer[FieldError]
    type: str
    def __init__(self, title: _Optional[str] = ..., status: _Optional[int] = ..., detail: _Optional[str] = ..., errors: _Optional[_Iterable[_Union[FieldError, _Mapping]]] = ..., type: _Optional[str] = ...) -> None: ...

class FieldError(_message.Message):
    __slots__ = ("field", "problem", "fix")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    FIX_FIELD_NUMBER: _ClassVar[int]
    field: str
    problem: str
    fix: str
    def __init__(self, field: _Optional[str] = ..., problem: _Optional[str] = ..., fix: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("event_id", "action_name", "query_id", "answer_id", "timestamp", "ordinal", "object_id", "dwell_s", "client_id")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_NAME_FIELD_NUMBER: _ClassVar[int]
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    DWELL_S_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    action_name: str
    query_id: str
    answer_id: str
    timestamp: str
    ordinal: int
    object_id: str
    dwell_s: float
    client_id: str
    def __init__(self, event_id: _Optional[str] = ..., action_name: _Optional[str] = ..., query_id: _Optional[str] = ..., answer_id: _Optional[str] = ..., timestamp: _Optional[str] = ..., ordinal: _Optional[int] = ..., object_id: _Optional[str] = ..., dwell_s: _Optional[float] = ..., client_id: _Optional[str] = ...) -> None: ...

class RecordRequest(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class RecordResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[EventResult]
    def __init__(self, results: _Optional[_Iterable[_Union[EventResult, _Mapping]]] = ...) -> None: ...

class EventResult(_message.Message):
    __slots__ = ("event_id", "status", "reason", "error")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    status: str
    reason: str
    error: FieldError
    def __init__(self, event_id: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., error: _Optional[_Union[FieldError, _Mapping]] = ...) -> None: ...

class AnswerId(_message.Message):
    __slots__ = ("bundle", "minted", "page1", "url1", "pages", "experiment", "arm", "teams", "propensities", "shuffled")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    MINTED_FIELD_NUMBER: _ClassVar[int]
    PAGE1_FIELD_NUMBER: _ClassVar[int]
    URL1_FIELD_NUMBER: _ClassVar[int]
    PAGES_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    ARM_FIELD_NUMBER: _ClassVar[int]
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    PROPENSITIES_FIELD_NUMBER: _ClassVar[int]
    SHUFFLED_FIELD_NUMBER: _ClassVar[int]
    bundle: str
    minted: int
    page1: int
    url1: str
    pages: _containers.RepeatedScalarFieldContainer[int]
    experiment: str
    arm: str
    teams: _containers.RepeatedScalarFieldContainer[int]
    propensities: _containers.RepeatedScalarFieldContainer[float]
    shuffled: bool
    def __init__(self, bundle: _Optional[str] = ..., minted: _Optional[int] = ..., page1: _Optional[int] = ..., url1: _Optional[str] = ..., pages: _Optional[_Iterable[int]] = ..., experiment: _Optional[str] = ..., arm: _Optional[str] = ..., teams: _Optional[_Iterable[int]] = ..., propensities: _Optional[_Iterable[float]] = ..., shuffled: _Optional[bool] = ...) -> None: ...
