"""`onward inspect --data`: what a site's tables hold before they are built."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.build import config_of
from cli.options import Profile
from corpus.tables.identity import RESPELT
from corpus.tables.overview import Overview, overview
from corpus.tables.report_screen import show as show_rejected
from pipeline.build_time import estimate_s

if TYPE_CHECKING:
    from pipeline.config import BuildConfig
    from store.bundle import Bundle

_LANGUAGES = 5
_FEW_DAYS, _MUCH = 7, 0.2
_FOLDED = ("duplicate", RESPELT)  # reject reasons


def show_data(
    data: Path, profile: Profile, file: Path | None, overrides: list[str] | None, bundle: Bundle | None
) -> None:
    """Print figures of the tables in `data`, read with the build's settings. Raises InputError."""
    config = config_of(file, profile, overrides)
    found = overview(data, config.url_rules, config.sessions, memory=config.engine.memory)
    console = Console()
    show_rejected(found.report, console)
    console.print(_two_columns(str(data), _facts(found, profile, config, bundle)))
    console.print(_two_columns("what recall paths find", _food(found)))
    for line in _remarks(found):
        console.print(f"[yellow]![/] {escape(line)}", soft_wrap=True, highlight=False)


def _two_columns(title: str, rows: Iterator[tuple[str, str]]) -> Table:
    table = Table("", "", title=escape(title), title_justify="left", show_header=False, box=SIMPLE_HEAD)
    table.columns[0].no_wrap, table.columns[1].overflow = True, "fold"
    for name, value in rows:
        table.add_row(name, escape(value))
    return table


def _facts(found: Overview, profile: Profile, config: BuildConfig, bundle: Bundle | None) -> Iterator[tuple[str, str]]:
    pages, rejected = found.pages, found.report.tables["pages"].rejected
    yield (
        "pages",
        f"{pages:,}; {_share(found.without_text, pages)} without text, {_share(found.dated, pages)} with a date",
    )
    shares = (f"{code or 'unknown'} {_share(count, pages)}" for code, count in found.languages.items())
    yield "languages", ", ".join(islice(shares, _LANGUAGES))
    folded = sum(rejected[reason].count for reason in _FOLDED if reason in rejected)
    alike = f"{found.near_duplicates:,} pages with the text of another"
    yield "duplicates", f"{folded:,} rows folded into another page, {alike}"
    yield from _log(found)
    yield f"build, {profile.value}", _time(found, profile, config, bundle)


def _log(found: Overview) -> Iterator[tuple[str, str]]:
    if found.clicks:
        clicked, timed = _share(found.clicked_pages, found.pages), _share(found.timed, found.clicks)
        yield "clicks", f"{found.clicks:,} on {clicked} of the pages, {timed} with reading time"
        yield "days", f"{found.days:,}: {found.first:%Y-%m-%d} to {found.last:%Y-%m-%d}"
        lengths = f"median {found.median_length:g} pages, longest {found.longest:,}"
        yield "sessions", f"{found.sessions:,}; {lengths}; {_share(found.single, found.sessions)} have one page"
    else:
        yield "clicks", "none: answers come from text alone"
    yield "impressions", f"{found.impressions:,}" if found.impressions else "none: rankers train on sessions"
    if found.joined_share is not None:
        yield "log that joins", f"{100 * found.joined_share:.1f} % of the rows are on a page of the pages table"
    if found.hubs:
        yield "hubs", "\n".join(f"{100 * share:.1f} % of the clicks: {url}" for url, share in found.hubs.items())


def _food(found: Overview) -> Iterator[tuple[str, str]]:
    with_text = f"{_share(found.pages - found.without_text, found.pages)} of the pages have text"
    if found.followed_pages:
        yield (
            "coclick, cf",
            f"{_share(found.followed_pages, found.pages)} of the pages stand beside another in a session",
        )
    else:
        yield "coclick, cf", "nothing: no page stands beside another in a session"
    yield "two_tower, qprime", f"{with_text}, besides titles"
    yield "related", f"{with_text}; {_share(found.pages - found.without_body, found.pages)} a body"
    described = f"{_share(found.with_knowledge, found.pages)} a text in the table knowledge"
    yield "knowledge", f"{with_text}; {described}"
    clicked = f"{_share(found.clicked_pages, found.pages)} of the pages have clicks"
    yield "popular", clicked if found.clicks else "nothing: no clicks"


def _time(found: Overview, profile: Profile, config: BuildConfig, bundle: Bundle | None) -> str:
    """Return the estimate: of measured builds, or scaled by one of this machine."""
    from pipeline.build_time import slowness

    if profile is Profile.LABELS:
        return "not estimated"
    most_answers_s = config.answers.most_minutes * 60
    seconds = estimate_s(found.pages, found.clicks + found.impressions, profile.value, most_answers_s)
    factor = slowness(bundle.manifest, profile.value, most_answers_s) if bundle else None
    basis = (
        "measured on two idle cores" if factor is None else f"measured by the build of {bundle.name}" if bundle else ""
    )
    seconds *= factor or 1
    return f"about {_minutes(seconds)} ({basis}; half or twice as long on another machine)"


def _minutes(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def _remarks(found: Overview) -> Iterator[str]:
    """Yield what a site should look at first."""
    if found.joined_share is not None and found.joined_share < 1 - _MUCH:
        yield "much of the log is on pages that the pages table lacks: import the site's sitemap or a crawl"
    if found.without_text > _MUCH * found.pages:
        yield "many pages have neither snippet nor body: text paths know their titles alone"
    if found.clicks and found.days < _FEW_DAYS:
        yield f"the log covers {found.days} days: the last fifth of it trains the rankers, so a few weeks are better"
    if found.sessions and found.single > (1 - _MUCH) * found.sessions:
        yield "most sessions have one page: is a session one visit, and is its ID the same on all pages?"
    if sum(found.hubs.values()) > _MUCH:
        yield "much of the log goes through hubs, reached from everywhere: block.paths keeps them out of answers"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0 %"
