"""`onward import`: makes input tables from what analytics tools, sitemaps and crawls export."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from corpus.imports.run import Options


class Tool(StrEnum):
    """What wrote the files."""

    GA4 = "ga4"
    MATOMO = "matomo"
    PLAUSIBLE = "plausible"
    SNOWPLOW = "snowplow"
    SITEMAP = "sitemap"
    WARC = "warc"


def import_(
    tool: Annotated[Tool, typer.Argument(help="What wrote the files.")],
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Files, directories, or patterns in quotes.")],
    out: Annotated[Path, typer.Option("--out", help="Directory for the tables; several tools may share it.")],
    pages: Annotated[
        Path | None, typer.Option("--pages", help="For sitemap: directory with the HTML of the pages.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option("--host", help="Keep only pages of this host, or of *.host; repeat for more.")
    ] = None,
    only_listed: Annotated[
        bool, typer.Option("--only-listed", help="Leave out pages that no sitemap and no crawl lists.")
    ] = False,
    fragment_host: Annotated[
        list[str] | None, typer.Option("--fragment-host", help="A host whose #fragments are pages, as in the build.")
    ] = None,
    tracking_parameter: Annotated[
        list[str] | None, typer.Option("--tracking-parameter", help="A parameter to strip, as in the build.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report as JSON.")] = None,
) -> None:
    """Turn exports into input tables; say what was read, kept and left out."""
    from rich.console import Console

    from cli.import_screen import show
    from corpus.schema import InputError

    try:
        from corpus.imports.run import import_files
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is not installed: pip install 'onward[build,import]'") from error
    if pages is not None and tool is not Tool.SITEMAP:
        raise typer.BadParameter(
            "only a sitemap takes it; import a crawl with `onward import warc`", param_hint="--pages"
        )
    options = _options(host, fragment_host, tracking_parameter, only_listed, pages)
    done = import_files(tool.value, files, out, options)
    if report is not None:
        report.write_text(json.dumps(done.as_dict(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    show(done, out, Console(stderr=True))


def _options(
    hosts: list[str] | None,
    fragment_hosts: list[str] | None,
    tracking_parameters: list[str] | None,
    only_listed: bool,
    pages: Path | None,
) -> Options:
    from corpus.imports.run import Options
    from corpus.schema import InputError
    from corpus.urls.host_pattern import host_pattern
    from corpus.urls.url import RuleError, rules_of
    from corpus.urls.url_rules import FRAGMENT_HOSTS

    try:
        rules = rules_of(fragment_hosts or FRAGMENT_HOSTS, tracking_parameters or ())
    except RuleError as error:
        raise InputError(str(error)) from None
    return Options(rules, [host_pattern(entry) for entry in hosts or ()], only_listed, pages)
