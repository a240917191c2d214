"""What steps read besides their configuration and the input: endpoints that the environment names, models on disk."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.runner.step import hash_files
from prompting.endpoint import Endpoint, read_endpoint
from recall.qprime.engines.endpoint import read_search_endpoint
from text_model.base import resolve

if TYPE_CHECKING:
    from pipeline.config import BuildConfig

#: How fast, how much and with which key an endpoint is asked; what it answers is in all its other settings.
_LIMITS = {"key", "concurrency", "retries", "timeout_s", "max_tokens", "cache"}
_SEARCH_LIMITS = {
    "key", "user", "password", "concurrency", "retries", "timeout_s", "per_second", "per_day", "freshness_days",
    "store",
}  # fmt: skip


def of_labels(config: BuildConfig) -> object:
    """Return the endpoint that judges."""
    endpoint = read_endpoint() if config.labels.judge == "llm" else None
    return _asked(endpoint and endpoint.model_copy(update={"model": config.labels.model or endpoint.model}))


def of_qprime(config: BuildConfig) -> object:
    """Return what writes the queries, and what is searched with them. Raises SettingsError."""
    wanted = config.qprime
    if wanted.keep == 0:
        return None
    endpoint = read_endpoint() if wanted.writer == "llm" else None
    causal = _model(wanted.causal) if wanted.writer == "information_need" else ""
    search = None if wanted.engine == "tantivy" else read_search_endpoint(wanted.engine)
    return [_asked(endpoint), causal, search and search.model_dump(mode="json", exclude=_SEARCH_LIMITS)]


def of_encoder(config: BuildConfig) -> object:
    """Return the files of the base encoder."""
    return _model(config.text.base)


def of_teachers(config: BuildConfig) -> object:
    """Return the files of the teachers' base."""
    return _model(config.teachers.base)


def of_student(config: BuildConfig) -> object:
    """Return the files of the base encoder, and of the student to start from; "previous" is whatever is current."""
    return [_model(config.text.base), _model(config.cross_encoder.warm_start)]


def _asked(endpoint: Endpoint | None) -> object:
    return endpoint and endpoint.model_dump(mode="json", exclude=_LIMITS)


def _model(name: str) -> str:
    """Return a hash of a model's files; nothing for one of the hub, which its name says."""
    return _hash_of(Path(resolve(name))) if name else ""


@cache
def _hash_of(path: Path) -> str:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return hash_files([file for file in files if file.is_file()])
