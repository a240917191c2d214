"""The demo corpus: pages of the Python library reference, with this machine's Python files as reading sessions."""

from __future__ import annotations

import hashlib
import multiprocessing
import sysconfig
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.progress import track

from corpus.demo.python_pages import PythonPage, library_pages
from corpus.demo.python_sessions import Library, file_visits
from corpus.demo.simulated_readers import ReaderModel, Sessions, simulate

END = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = 90
MOST_FILES = 14_000
LONGEST_SESSION = 40
#: Very common names are down-sampled: if a larger share of the files uses a page, each use is a visit with probability
#: FAMILIAR / share. Pages used by fewer than FEW files are never down-sampled.
FAMILIAR = 0.025
FAMILIAR_BUILT_IN = 0.005  # `len`, `ValueError`: for built-in names, but not for their methods
FEW = 20

_TIME = pa.timestamp("us", "UTC")


@dataclass(frozen=True, slots=True)
class Summary:
    """The number of rows written."""

    files: int
    pages: int
    sessions: int
    visits: int
    impressions: int  # rows: pages shown


@dataclass(frozen=True, slots=True)
class Visits:
    """The simulated log: one row per visit, grouped by session."""

    session: NDArray[np.int64]  # ascending
    page: NDArray[np.int64]  # indices into the pages
    time: NDArray[np.int64]  # microseconds since 1970
    dwell_s: NDArray[np.float32]


def write(out: Path, seed: int = 0, roots: Mapping[str, Path] | None = None, most_files: int = MOST_FILES) -> Summary:
    """Write pages, clicks and simulated impressions as input tables into `out`.

    `roots` maps a short name to a directory of Python files; by default the standard library and site-packages.
    The same files and seed give the same tables.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = source_files(installed() if roots is None else roots, most_files)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        pages = pool.submit(library_pages).result()
        library = _library(pages)
        read = pool.map(partial(file_visits, library=library), files.values(), chunksize=100)
        found = list(track(read, "Reading Python files", total=len(files)))
    rng = np.random.default_rng(seed)
    sessions = sessions_of(dict(zip(files, found, strict=True)), library.builtins, rng)
    visits = _timed(list(sessions.values()), pages, rng)
    urls = pa.array([page.url for page in pages])
    impressions = _impression_table(visits, pages, urls, rng)
    pq.write_table(_page_table(pages, urls), out / "pages.parquet", compression="zstd")
    pq.write_table(_click_table(visits, list(sessions), urls), out / "clicks.parquet", compression="zstd")
    pq.write_table(impressions, out / "impressions.parquet", compression="zstd")
    return Summary(len(files), len(pages), len(sessions), len(visits.page), len(impressions))


def installed() -> dict[str, Path]:
    """Return the directories of the standard library and of installed packages."""
    paths = sysconfig.get_paths()
    return {"lib": Path(paths["stdlib"]), "site": Path(paths["purelib"])}


def source_files(roots: Mapping[str, Path], most: int) -> dict[str, Path]:
    """Return short name -> file, sorted; a sample of at most `most` that depends only on the names."""
    files = {
        f"{short}/{path.relative_to(root).as_posix()}": path
        for short, root in roots.items()
        for path in root.rglob("*.py")
        if "site-packages" not in path.relative_to(root).parts and path.name != "__init__.py"
    }
    sample = sorted(files, key=lambda name: hashlib.sha256(name.encode()).digest())[:most]
    return {name: files[name] for name in sorted(sample)}


def sessions_of(
    found: Mapping[str, Sequence[str]], built_in: Set[str], rng: np.random.Generator
) -> dict[str, tuple[str, ...]]:
    """Return file -> pages visited, 2 to LONGEST_SESSION, from file -> pages used.

    Very common pages are down-sampled (FAMILIAR): people do not look up what they know. Of copies, files that use
    the same pages in the same order, only the first is kept.
    """
    first = {tuple(pages): name for name, pages in reversed(list(found.items())) if pages}
    originals = {name: pages for name, pages in found.items() if first.get(tuple(pages)) == name}
    used = Counter(page for pages in originals.values() for page in pages)
    looked_up = {
        page: max((FAMILIAR_BUILT_IN if page in built_in else FAMILIAR) * len(originals), FEW) / count
        for page, count in used.items()
    }
    sessions = {
        name: tuple(page for page in pages if rng.random() < looked_up[page])[:LONGEST_SESSION]
        for name, pages in originals.items()
    }
    return {name: pages for name, pages in sessions.items() if len(pages) >= 2}


def _library(pages: list[PythonPage]) -> Library:
    names = frozenset(page.name for page in pages)
    modules = {page.module for page in pages}
    return Library(
        pages=names,
        builtins=frozenset(page.name for page in pages if page.module == "builtins" and "." not in page.name),
        classes=frozenset(name.rpartition(".")[0] for name in names) - modules - {""},
        inherited={
            f"{page.name}.{name}": target for page in pages for name, target in page.inherits if target in names
        },
    )


def _timed(sessions: list[tuple[str, ...]], pages: list[PythonPage], rng: np.random.Generator) -> Visits:
    """Spread the sessions over the DAYS before END; the median dwell time is 30 seconds."""
    number = {page.name: i for i, page in enumerate(pages)}
    lengths = np.array([len(session) for session in sessions], np.int64)
    session = np.repeat(np.arange(len(sessions)), lengths)
    dwell = rng.lognormal(np.log(30.0), 0.8, len(session)).round(1).astype(np.float32)
    spent = np.cumsum(dwell, dtype=np.float64)
    start = np.cumsum(lengths) - lengths
    since = spent - dwell - np.repeat(spent[start] - dwell[start], lengths)  # seconds since the session began
    total = np.add.reduceat(dwell, start, dtype=np.float64)
    begin = END.timestamp() - total - rng.random(len(sessions)) * (DAYS * 86_400 - total)
    time = ((np.repeat(begin, lengths) + since) * 1e6).astype(np.int64)
    return Visits(session, np.array([number[p] for session in sessions for p in session], np.int64), time, dwell)


def _page_table(pages: list[PythonPage], urls: pa.Array) -> pa.Table:
    titles = [page.name for page in pages]
    snippets = [page.snippet for page in pages]
    return pa.table({"url": urls, "title": titles, "snippet": snippets, "language": ["en"] * len(pages)})


def _click_table(visits: Visits, names: list[str], urls: pa.Array) -> pa.Table:
    return pa.table(
        {
            "session": pa.array(names).take(pa.array(visits.session)),
            "url": urls.take(pa.array(visits.page)),
            "time": pa.array(visits.time, _TIME),
            "dwell_s": visits.dwell_s,
        }
    )


def _family(page: PythonPage) -> str:
    """Return the group of a page's siblings: its class, else its module; for built-ins, the page of the reference."""
    owner = page.name.rpartition(".")[0]
    return owner or (page.url.partition("#")[0] if page.module == "builtins" else page.module)


def _impression_table(visits: Visits, pages: list[PythonPage], urls: pa.Array, rng: np.random.Generator) -> pa.Table:
    _, group = np.unique([_family(page) for page in pages], return_inverse=True)
    shown = simulate(Sessions(visits.session, visits.page, group), ReaderModel(), rng)
    impression, column = np.nonzero(shown.page >= 0)  # row by row: gaps are at the end of each row
    visit = shown.visit[impression]
    return pa.table(
        {
            "impression": pa.array([f"i{number}" for number in impression.tolist()]),
            "time": pa.array(visits.time[visit] + 1_000_000, _TIME),  # a second after the page was opened
            "url1": urls.take(pa.array(visits.page[visit])),
            "url2": urls.take(pa.array(shown.page[impression, column])),
            "position": pa.array(column + 1, pa.int16()),
            "clicked": shown.clicked[impression, column],
            "dwell_s": pa.array(shown.dwell_s[impression, column], from_pandas=True),  # NaN is null
            "random": shown.random[impression],
        }
    )
