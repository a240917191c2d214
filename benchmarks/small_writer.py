"""Trains two small writers on what a language model wrote: on all its queries, and on those with satisfied clicks.

python -m benchmarks.small_writer WORK --written RUN/llm-MODEL-PROMPT.parquet --pages RUN/pages.parquet
    --impressions impressions.parquet --base model.gguf --out OUT [--steps 60] [--batch 4] [--only all]

WORK is the work directory of a build, RUN the output of `benchmarks.qprime_writers`. Clicks are those that readers made
from these pages on what the queries find. Each writer is served with `onward llm serve --model OUT/all/merged.gguf`
(or OUT/clicked) and compared by `benchmarks.qprime_writers` with `--prompts small_writer`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.qprime_writers import rows_of
from evaluation.metrics.clicks import SATISFIED_S
from pipeline.config import BuildConfig
from pipeline.runner.work import Work
from recall.qprime.small_writer.instructions import Counts, instructions
from recall.qprime.small_writer.satisfied import satisfied_queries
from recall.qprime.small_writer.train import SmallWriterConfig, train_writer
from recall.qprime.writers.page_prompt import packaged_prompt
from store.tables import LmdbTable, write_table

WRITERS = ("all", "clicked")


def main() -> None:
    """Write one folder per writer; print what each learnt from, and its loss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    for name in ("written", "pages", "impressions", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--only", choices=WRITERS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    config = SmallWriterConfig(steps=options.steps, batch=options.batch, checkpoint_every=10)
    for name in WRITERS if options.only is None else (options.only,):
        data, counts = options.out / f"{name}.jsonl", Counts()
        pages = options.work / "read" / "pages.parquet"
        kept = _clicked(options, pq.read_table(options.pages)) if name == "clicked" else None
        with data.open("wb") as file:
            file.writelines(instructions(options.written, pages, packaged_prompt("small_writer"), counts, kept))
        trained = train_writer(options.base, data, options.out / name, config, merge=True)
        losses = trained.curve.thinned()
        figures = {"conversations": counts.conversations, "queries": counts.queries, "none": counts.none}
        print(json.dumps({name: figures | {"too long": trained.too_long, "losses": losses}}), flush=True)


def _clicked(options: argparse.Namespace, chosen: pa.Table) -> Mapping[int, frozenset[str]]:
    """Return page -> its queries that found a page with a satisfied click."""
    work = Work(BuildConfig(), options.out, options.work)
    rows = rows_of(work, options.work / "read" / "pages.parquet", chosen, options.written)
    path = options.out / "qprime.lmdb"
    write_table(path, ((row.page, row.row) for row in sorted(rows, key=lambda row: row.page)))
    table = LmdbTable(path)
    try:
        return satisfied_queries(table, options.impressions, SATISFIED_S)
    finally:
        table.close()


if __name__ == "__main__":
    main()
