"""What a caller asks for: HTTP, gRPC and the batch command all make one of these."""

from __future__ import annotations

from dataclasses import dataclass

MAX_K = 30
MAX_HISTORY = 20
DEFAULT_K = 5
MAX_BATCH = 100


@dataclass(frozen=True, slots=True)
class Request:
    """One request, already checked except for its URLs and its language; `resolve` makes a `Query` of it."""

    url1: str
    k: int = DEFAULT_K
    explain: bool = False
    title: str = ""
    snippet: str = ""
    language: str = ""
    exclude: tuple[str, ...] = ()
    history: tuple[str, ...] = ()  # the pages that led to url1, newest last; never stored
    quality_weight: float | None = None
    budget_ms: float | None = None
    unit: str = ""  # by which an experiment assigns arms; never stored
