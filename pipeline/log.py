"""Steps over the log: reading it, counting, and the tables and embeddings that come from counts alone.

Everything counted is made twice: `past`, from before the label window, feeds training; `all` serves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus import counts
from corpus.engine import connect, write
from corpus.reader import REJECTED, read
from corpus.report_screen import check, show
from pipeline.step import Work, console
from recall.cf import build as cf
from recall.coclick import build as coclick
from recall.popular import build as popular
from store.page_row import FACTS, PageText, language_code, pack
from store.tables import write_table

PAST, ALL = "past", "all"
SNAPSHOTS = (PAST, ALL)


def reader(data: Path, until: datetime | None) -> Callable[[Work], dict[str, object]]:
    """Return the step that checks the input tables and splits time."""

    def step(work: Work) -> dict[str, object]:
        hosts = frozenset(work.config.fragment_hosts)
        outcome = read(data, work.directory, until, hosts, work.config.sessions)
        show(outcome, console)
        check(outcome, work.config.read.most_rejected, work.directory / REJECTED)
        report = outcome.as_dict()
        split = _split(work.directory, work.config.examples.label_share)
        (work.directory / "split.json").write_text(json.dumps(split))
        rows = {f"{name}": table["kept"] for name, table in report.items()}
        rejected = sum(r["count"] for table in report.values() for r in table["rejected"].values())
        if rejected:
            console.print(f"  every rejected row: {work.of('read') / REJECTED}", soft_wrap=True, highlight=False)
        return {**rows, "rejected": rejected, "tables": report, "passed_over": list(outcome.passed_over), **split}

    return step


def split_of(work: Work) -> dict[str, datetime]:
    """Return `start`, `labels_from` and `end` of the log, all None-free; a corpus without a log has none."""
    stored = json.loads((work.of("read") / "split.json").read_text())
    return {name: datetime.fromisoformat(value) for name, value in stored.items() if value}


def count(work: Work) -> dict[str, object]:
    """Count pages and pairs before the label window and over the whole log."""
    config, read_ = work.config, work.of("read")
    split = split_of(work)
    engine = connect(config.engine.name, threads=config.engine.threads, memory=config.engine.memory)
    clicks = engine.read_parquet(str(read_ / "clicks.parquet"))
    impressions = engine.read_parquet(str(read_ / "impressions.parquet"))
    figures: dict[str, object] = {}
    for name, end in ((PAST, split.get("labels_from")), (ALL, split.get("end"))):
        out = work.directory / name
        out.mkdir()
        end = end or datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        write(engine, counts.click_pairs(clicks, end, config.reach), out / "click_pairs.parquet")
        write(engine, counts.impression_pairs(impressions, end), out / "impression_pairs.parquet")
        pairs = engine.read_parquet(str(out / "click_pairs.parquet"))
        shows = engine.read_parquet(str(out / "impression_pairs.parquet"))
        write(engine, counts.page_clicks(clicks, end), out / "page_clicks.parquet")
        write(engine, counts.page_flow(pairs), out / "page_flow.parquet")
        write(engine, counts.page_shows(shows), out / "page_shows.parquet")
        # In an order of its own, which joins do not keep: the towers and the judge draw rows by their number.
        evidence = coclick.pair_evidence(pairs, shows).order_by("page1", "page2")
        write(engine, evidence, out / "evidence.parquet")
        figures[f"{name}_pairs"] = pq.ParquetFile(out / "evidence.parquet").metadata.num_rows
    return figures


def pages(work: Work) -> dict[str, object]:
    """Write the `pages` and `popular` tables: facts and counts, token ids, text."""
    table = pq.read_table(work.of("read") / "pages.parquet")
    tokens = np.load(work.of("text") / "tokens.npy")
    lengths = np.load(work.of("text") / "lengths.npy")
    for name in SNAPSHOTS:
        out = work.directory / name
        out.mkdir()
        facts = _facts(table, work.of("counts") / name)
        facts["tokens"], facts["title_tokens"] = lengths[:, 0], lengths[:, 1]
        texts = zip(*(table[c].to_pylist() for c in ("url", "title", "snippet", "language")), strict=True)
        starts = np.concatenate([[0], np.cumsum(lengths[:, 0], dtype=np.int64)]).astype(np.int64)
        rows = (
            (int(fact["page"]), pack(fact, tokens[start : start + int(fact["tokens"])], PageText(*text)))
            for fact, start, text in zip(facts, starts[:-1], texts, strict=True)
        )
        write_table(out / "pages.lmdb", rows)
        write_table(out / "popular.lmdb", popular.build(facts["page"], facts["host"], facts["clicks_all"]))
        np.save(out / "facts.npy", facts)
    return {"pages": len(table)}


def coclicks(work: Work) -> dict[str, object]:
    """Write the `coclick` table."""
    config = work.config
    figures: dict[str, object] = {}
    for name in SNAPSHOTS:
        engine = connect(config.engine.name, threads=config.engine.threads, memory=config.engine.memory)
        out = work.directory / name
        out.mkdir()
        evidence = engine.read_parquet(str(work.of("counts") / name / "evidence.parquet"))
        neighbours = engine.read_parquet(str(work.of("text") / "neighbours.parquet"))
        rows = out / "rows.parquet"
        write(engine, coclick.neighbour_rows(evidence, neighbours, config.coclick), rows)
        batches = pq.ParquetFile(rows).iter_batches()
        figures[f"{name}_pages"] = write_table(out / "coclick.lmdb", coclick.pack_rows(batches))
        rows.unlink()
    return figures


def cf_embeddings(work: Work) -> dict[str, object]:
    """Factorise the co-click graph and index the pages."""
    figures: dict[str, object] = {}
    for name in SNAPSHOTS:
        out = work.directory / name
        out.mkdir()
        evidence = pq.read_table(work.of("counts") / name / "evidence.parquet", columns=["page1", "page2", "near"])
        page1, page2, near = (evidence[column].to_numpy() for column in ("page1", "page2", "near"))
        index = cf.build(page1, page2, near, work.config.cf, work.config.seed)
        index.save(out / "pages")
        figures[f"{name}_pages"] = len(index)
    return figures


def _split(directory: Path, label_share: float) -> dict[str, str | None]:
    clicks, impressions = (_times(directory / f"{name}.parquet") for name in ("clicks", "impressions"))
    known = [span for span in (clicks, impressions) if span]
    if not known:
        return {"start": None, "labels_from": None, "end": None}
    start, end = min(s[0] for s in known), max(s[1] for s in known) + timedelta(microseconds=1)
    events_start, events_end = impressions or clicks or (start, end)
    labels_from = events_end - (events_end - events_start) * label_share
    return {"start": start.isoformat(), "labels_from": labels_from.isoformat(), "end": end.isoformat()}


def _times(path: Path) -> tuple[datetime, datetime] | None:
    span = pc.min_max(pq.read_table(path, columns=["time"])["time"]).as_py()
    return None if span["min"] is None else (span["min"], span["max"])


def _facts(table: pa.Table, counted: Path) -> np.ndarray:
    facts = np.zeros(len(table), FACTS)
    for name in ("page", "host", "address", "fingerprint"):
        facts[name] = table[name].to_numpy()
    facts["spam"] = table["spam"].to_numpy()
    facts["language"] = [language_code(tag) for tag in table["language"].to_pylist()]
    for part in ("page_clicks", "page_flow", "page_shows"):
        counts_ = pq.read_table(counted / f"{part}.parquet")
        rows = np.searchsorted(facts["page"], counts_["page"].to_numpy())
        for name in set(counts_.column_names) - {"page", "last"}:
            facts[name][rows] = counts_[name].to_numpy()
    return facts
