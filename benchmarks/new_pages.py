"""Measures answers where half of the pages are new: their clicks are removed from the log that a bundle is built from.

python -m benchmarks.new_pages DATA OUT --since 2026-08-12 --until 2026-08-21 [--keep-hours 24]

DATA has pages, clicks and impressions as Parquet. A random half of the pages loses its clicks and impressions before
`--since`, except those of the last `--keep-hours`. A session that lost a page goes on as another session, so no false
step appears. Peers are computed from the same log: transitions, co-visits, popularity, and the cosine of the encoder.
"""

from __future__ import annotations

import argparse
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pandas as pd

from evaluation.metrics.ndcg import discounts

_TOP = 30


def main() -> None:
    """Write the log, build a bundle from it, and print the figures of the bundle and of its peers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--since", type=datetime.fromisoformat, required=True)
    parser.add_argument("--until", type=datetime.fromisoformat, required=True)
    parser.add_argument("--keep-hours", type=float, default=0.0)
    parser.add_argument("--clicks-only", action="store_true", help="leave the impressions out")
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--most-pages", type=int, default=1_000)
    options = parser.parse_args()
    since, until = (when.replace(tzinfo=UTC) for when in (options.since, options.until))
    log, new = write(options.data, options.out, since, timedelta(hours=options.keep_hours), not options.clicks_only)
    settings = [part for each in options.set for part in ("--set", each)]
    bundles, figures = options.out / "bundles", options.out / "figures.json"
    day = since.date().isoformat()
    built = ["--data", options.out, "--bundles", bundles, "--profile", options.profile, "--until", day, *settings]
    _onward("build", *built)
    held_out = ["--clicks", options.out / "clicks.parquet", "--until", until.date().isoformat()]
    _onward("evaluate", "--bundles", bundles, *held_out, "--most-pages", options.most_pages, "--json", figures)
    report = orjson.loads(figures.read_bytes())
    print(f"new pages: {len(new):,}; held-out steps to pages without a click: {report['new_pairs']:,}")
    wanted = _steps(log[(log.time >= since) & (log.time < until)])
    before = log[log.time < since]
    print("peers, over every held-out step: recall@30 / NDCG@5 of new, known and all pages")
    for name, lists in peers(before, options.data, bundles).items():
        _print(name, lists, wanted, set(before.url))


def write(data: Path, out: Path, since: datetime, kept: timedelta, impressions: bool) -> tuple[pd.DataFrame, set[str]]:
    """Write the input tables without the past of a random half of the pages; return the clicks, and these pages."""
    out.mkdir(parents=True, exist_ok=True)
    pages, clicks = (pd.read_parquet(data / f"{name}.parquet") for name in ("pages", "clicks"))
    new = set(pages.url.sample(frac=0.5, random_state=0))
    lost = clicks.url.isin(new) & (clicks.time < since - kept)
    clicks["session"] = clicks.session.astype(str) + "." + lost.groupby(clicks.session).cumsum().astype(str)
    clicks = clicks[~lost].reset_index(drop=True)
    pages.to_parquet(out / "pages.parquet")
    clicks.to_parquet(out / "clicks.parquet")
    if impressions:
        shown = pd.read_parquet(data / "impressions.parquet")
        of_new = shown.url1.isin(new) | shown.url2.isin(new)
        shown[~(of_new & (shown.time < since - kept))].to_parquet(out / "impressions.parquet")
    return clicks, new


def peers(log: pd.DataFrame, data: Path, bundles: Path) -> dict[str, dict[str, list[str]]]:
    """Return the lists of every peer, by page; counts are filled up with popular pages."""
    popular = log.url.value_counts().index[: _TOP + 1].tolist()
    steps = _steps(log)
    both = log.merge(log, on="session")
    both = both[both.url_x != both.url_y].drop_duplicates(["session", "url_x", "url_y"])
    pairs = {"transitions": (steps.page, steps.target), "co-visits": (both.url_x, both.url_y)}
    pages = pd.read_parquet(data / "pages.parquet").url.tolist()
    lists = {"popularity": {page: [other for other in popular if other != page] for page in pages}}
    for name, (page, target) in pairs.items():
        counts = pd.Series(1, index=pd.MultiIndex.from_arrays([page, target])).groupby(level=[0, 1]).sum()
        best = counts.sort_values(ascending=False, kind="stable").groupby(level=0).head(_TOP)
        found: dict[str, list[str]] = {}
        for first, second in best.index:
            found.setdefault(first, []).append(second)
        lists[name] = {page: _filled(found.get(page, []), page, popular) for page in pages}
    lists["cosine of the encoder"] = _nearest(bundles)
    return lists


def _nearest(bundles: Path) -> dict[str, list[str]]:
    """Return the nearest pages by the untrained encoder that the build embedded all pages with."""
    pages = pd.read_parquet(bundles / "work" / "read" / "pages.parquet").sort_values("page")
    vectors = np.load(bundles / "work" / "text" / "embeddings.npy").astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -2)
    urls = pages.url.to_numpy()
    return {url: urls[np.argsort(-row, kind="stable")[:_TOP]].tolist() for url, row in zip(urls, likeness, strict=True)}


def _filled(best: list[str], page: str, popular: list[str]) -> list[str]:
    return (best + [other for other in popular if other not in best and other != page])[:_TOP]


def _steps(log: pd.DataFrame) -> pd.DataFrame:
    log = log.sort_values(["session", "time"], kind="stable")
    same = log.session.eq(log.session.shift(-1)) & log.url.ne(log.url.shift(-1))
    return pd.DataFrame({"page": log.url[same], "target": log.url.shift(-1)[same]})


def _print(name: str, lists: dict[str, list[str]], wanted: pd.DataFrame, known: set[str]) -> None:
    ranks = np.array([_rank(lists.get(page, []), target) for page, target in wanted.itertuples(index=False)])
    old = wanted.target.isin(known).to_numpy()
    parts = [ranks[part] for part in (~old, old, np.ones(len(old), bool))]
    print(f"{name:24}", *(f"{(part > 0).mean():.4f} / {discounts(part).mean():.4f}" for part in parts), sep="   ")


def _rank(listed: list[str], target: str) -> int:
    return listed.index(target) + 1 if target in listed else 0


def _onward(command: str, *arguments: object) -> None:
    subprocess.run(["onward", command, *map(str, arguments)], check=True)  # noqa: S603, S607


if __name__ == "__main__":
    main()
