"""Measures sites in other languages, and in two, without a log: are the pages that authors link recommended?

python -m benchmarks.languages en=DIR,DIR fr=DIR --out OUT

The directories hold man1 to man8, as for `benchmarks.see_also`; several languages make one site. Beside the served
answers it prints the cosine of both packaged encoders, for each language.
"""

from __future__ import annotations

import argparse
import json
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.see_also_sources.baselines import Lists, bm25, encoder_cosine
from benchmarks.see_also_sources.man import man_pages
from benchmarks.see_also_sources.measure import halves, measure, truth_by_page
from benchmarks.see_also_sources.site import Site
from cli.many_pages import without_time_limits
from cli.options import settings_of
from configs.reading import from_override, leaves, read
from pipeline.build import build
from pipeline.config import PROFILES, BuildConfig
from store.bundle import open_bundle
from text_model.packaged import MULTILINGUAL, PACKAGED


def main() -> None:
    """Build, and print the figures of each language as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sites", nargs="+", metavar="LANGUAGE=DIR,...")
    parser.add_argument("--out", type=Path, required=True, help="input tables, bundles and figures go here")
    parser.add_argument("--profile", default="quick", choices=PROFILES)
    parser.add_argument("--half", default="report", choices=("tune", "report"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the build")
    options = parser.parse_args()
    sites = [_site(*given.split("=", 1)) for given in options.sites]
    _write(sites, options.out / "data")
    sources = chain(leaves(PROFILES[options.profile]), map(from_override, options.set))
    build(options.out / "data", options.out / "bundles", read(BuildConfig, sources, "configs/build.toml"))
    parts = {site.language: halves(truth_by_page(site))[options.half] for site in sites}
    settings = settings_of(None, without_time_limits())
    figures = measure(options.out / "bundles", parts, _baselines(sites), settings)
    (options.out / "figures.json").write_text(json.dumps(figures, indent=1))
    print(open_bundle(options.out / "bundles").manifest.metrics["text"]["encoder"])
    for language, rows in figures.items():
        print(language)
        for name, row in rows.items():
            print(f"  {name:24}" + "  ".join(f"{key} {value:.4g}" for key, value in row.items()))


def _site(language: str, directories: str) -> Site:
    return man_pages([Path(name) for name in directories.split(",")], language)


def _write(sites: list[Site], out: Path) -> None:
    """Write one table of pages, of all languages."""
    for site in sites:
        site.write(out / site.language)
    tables = [pq.read_table(out / site.language / "pages.parquet") for site in sites]
    for site in sites:
        (out / site.language / "pages.parquet").unlink()
        (out / site.language).rmdir()
    pq.write_table(pa.concat_tables(tables), out / "pages.parquet")


def _baselines(sites: list[Site]) -> dict[str, Lists]:
    """Return the simplest orders; each language is searched alone, as the filters keep a reader's language."""
    orders = {f"cosine {base}": [encoder_cosine(site, base) for site in sites] for base in (PACKAGED, MULTILINGUAL)}
    orders["BM25"] = [bm25(site) for site in sites]
    return {name: {page: best for part in found for page, best in part.items()} for name, found in orders.items()}


if __name__ == "__main__":
    main()
