"""Resolves a request to a query: URLs to PageIds, a language tag to a language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cascade.types import Query
from corpus.text.language_tags import LanguageTagError, language_of
from corpus.urls.url import InvalidURL
from service.answers.request import Request
from store.addresses import Addresses, Located

_MAX_ERRORS = 10  # in one response
_NO_PAGES: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request, and how to fix it."""

    field: str
    problem: str
    fix: str


class ClientError(ValueError):
    """A request that cannot be answered as it stands."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.problem}" for error in errors))
        self.errors = errors


def query_of(request: Request, addresses: Addresses) -> Query:
    """Return the query; every spelling of a page's URL gives the same one. Raises ClientError."""
    url, page = _located(request.url1, addresses)
    return Query(
        url=url,
        page=page,
        title=request.title,
        snippet=request.snippet,
        language=_language(request.language),
        exclude=frozenset(_pages("exclude", request.exclude, addresses)) if request.exclude else _NO_PAGES,
        history=_pages("history", request.history, addresses) if request.history else (),
        quality_weight=request.quality_weight,
    )


def _located(url: str, addresses: Addresses) -> Located:
    try:
        return addresses.locate(url)
    except InvalidURL as error:
        raise ClientError([_field_error("url1", error)]) from None


def _pages(field: str, urls: Iterable[str], addresses: Addresses) -> tuple[int, ...]:
    """Return the PageIds of a field's URLs, in order. Raises ClientError."""
    pages, errors = [], []
    for place, url in enumerate(urls):
        try:
            pages.append(addresses.page(url))
        except InvalidURL as error:
            errors.append(_field_error(f"{field}[{place}]", error))
    if errors:
        raise ClientError(errors[:_MAX_ERRORS])
    return tuple(pages)


def _language(tag: str) -> str:
    try:
        return language_of(tag)
    except LanguageTagError:
        problem = FieldError("language", "it is not a language tag", "send one such as en or pt-BR, or leave it out")
        raise ClientError([problem]) from None


def _field_error(field: str, error: ValueError) -> FieldError:
    problem, _, fix = str(error).rpartition(": ")
    return FieldError(field, problem, fix)
