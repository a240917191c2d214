"""Measures a site without a log: are the pages that authors link as "see also" recommended?

python -m benchmarks.see_also man DIR... --out OUT      directories that hold man1 to man8; --language fr for French
python -m benchmarks.see_also html DIR --out OUT        Sphinx or DocBook

Debian has such directories: `apt-get download manpages manpages-dev`, then `dpkg -x` each (usr/share/man, or
usr/share/man/fr of manpages-fr); python3-doc and postgresql-doc hold HTML. The sections "see also" are the truth and
are not in the text. Settings are chosen on the tuning half of the pages with truth; the other half reports.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from benchmarks.see_also_sources.baselines import bm25, encoder_cosine
from benchmarks.see_also_sources.html import html_pages
from benchmarks.see_also_sources.man import HEADINGS, man_pages
from benchmarks.see_also_sources.measure import halves, measure, truth_by_page
from benchmarks.see_also_sources.site import Site
from cli.many_pages import without_time_limits
from cli.options import settings_of
from configs.reading import from_override, leaves, read
from pipeline.build import build
from pipeline.config import PROFILES, BuildConfig
from pipeline.pages.encoder import chosen_settings


def main() -> None:
    """Build, and print the figures of both halves as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("man", "html"))
    parser.add_argument("directories", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True, help="input tables, bundles and figures go here")
    parser.add_argument("--language", default="en", choices=HEADINGS)
    parser.add_argument("--no-body", action="store_true", help="the pages have titles and snippets only")
    parser.add_argument("--profile", default="quick", choices=PROFILES)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the build")
    options = parser.parse_args()
    site = _site(options.kind, options.directories, options.language)
    site.write(options.out / "data", not options.no_body)
    sources = chain(leaves(PROFILES[options.profile]), map(from_override, options.set))
    config = read(BuildConfig, sources, "configs/build.toml")
    build(options.out / "data", options.out / "bundles", config)
    base = chosen_settings(options.out / "bundles/work/text")["base"]
    baselines = {"cosine": encoder_cosine(site, base), "BM25": bm25(site)}
    settings = settings_of(None, without_time_limits())
    figures = measure(options.out / "bundles", halves(truth_by_page(site)), baselines, settings)
    (options.out / "figures.json").write_text(json.dumps(figures, indent=1))
    _show(figures, len(site.pages))


def _site(kind: str, directories: list[Path], language: str) -> Site:
    reader: Callable[[Sequence[Path], str], Site] = man_pages if kind == "man" else html_pages
    site = reader(directories, language)
    if not site.truth:
        raise SystemExit(
            f'{kind}: no page below {directories[0]} has a link "see also": give man1 to man8\'s parent, or HTML'
        )
    return site


def _show(figures: dict[str, dict[str, dict[str, float]]], pages: int) -> None:
    print(f"{pages} pages")
    for half, rows in figures.items():
        print(half)
        for name, row in rows.items():
            print(f"  {name:24}" + "  ".join(f"{key} {value:.4g}" for key, value in row.items()))


if __name__ == "__main__":
    main()
