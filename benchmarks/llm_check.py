"""Runs every command that asks a language model, on small inputs, against a model on this machine.

python -m benchmarks.llm_check demo/data --out OUT [--model NAME|FILE] [--pages 24] [--pairs 12]

The pairs to judge are pages of the demo; `good` means that a session of its log went from one to the other. The first
run downloads the model. OUT is made anew; answers are kept in it, so a second run asks nothing twice.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prompting.local.models import MODELS
from prompting.local.weights import default_cache

ONWARD = [sys.executable, "-c", "from cli.main import main; main()"]
SMALL = ["cross_encoder.steps=20", "labels.judged=12", "two_tower.head_steps=20", "qprime.prompt=queries_short"]
VARIABLES = 3


def main() -> None:
    """Run all of it; exit with the status of the first command that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--pages", type=int, default=24)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--port", type=int, default=8089)
    options = parser.parse_args()
    out = options.out
    small = _small(options.data, out / "data", options.pages)
    _write_pairs(small, out / "pairs.parquet", options.pairs)
    with _serving(options.model, options.port) as variables:
        environ = {**os.environ, **variables, "ONWARD_LLM_CACHE": str(out / "answers.sqlite")}
        judge = ["judge", "--golden", str(out / "pairs.parquet"), "--prompts", "A,B,C"]
        _run([*ONWARD, *judge, "--json", str(out / "judges.json")], environ)
        for setting in ("qprime.writer=llm", "labels.judge=llm"):
            _build(out, small, setting, environ)
        weights = default_cache() / f"{options.model}.gguf" if options.model in MODELS else Path(options.model)
        _compare(out, environ, "writers", "--prompts", "queries,queries_short", "--causal", str(weights))
    queries, pages = out / "bundles/work/qprime/queries.parquet", out / "bundles/work/read/pages.parquet"
    export = ["qprime", "export-sft", "--queries", str(queries), "--pages", str(pages), "--out", str(out / "sft.jsonl")]
    _run([*ONWARD, *export], dict(os.environ))
    shutil.rmtree(out / "writer", ignore_errors=True)  # of another run, with other data
    training = ["--base", options.model, "--data", str(out / "sft.jsonl"), "--out", str(out / "writer")]
    steps = ["--steps", "2", "--batch", "2", "--merge"]
    _run([*ONWARD, "qprime", "train-writer", *training, *steps], dict(os.environ))
    if not (out / "writer/merged.gguf").is_file():
        return
    with _serving(str(out / "writer/merged.gguf"), options.port) as variables:
        environ = {**os.environ, **variables, "ONWARD_LLM_CACHE": str(out / "answers.sqlite")}
        _compare(out, environ, "small_writer", "--prompts", "small_writer")


def _small(data: Path, out: Path, count: int) -> Path:
    """Write tables of the most clicked pages and the clicks on them."""
    out.mkdir(parents=True, exist_ok=True)
    pages, clicks = pq.read_table(data / "pages.parquet"), pq.read_table(data / "clicks.parquet")
    often = [url for url, _ in Counter(clicks["url"].to_pylist()).most_common(count)]
    pq.write_table(pages.filter(pc.is_in(pages["url"], pa.array(often))), out / "pages.parquet")
    pq.write_table(clicks.filter(pc.is_in(clicks["url"], pa.array(often))), out / "clicks.parquet")
    return out


def _write_pairs(data: Path, out: Path, count: int) -> None:
    """Write pairs of which half were read one after the other, and the others never."""
    rows = pq.read_table(data / "pages.parquet").to_pylist()
    log = pq.read_table(data / "clicks.parquet").sort_by([("session", "ascending"), ("time", "ascending")])
    visits = list(zip(log["session"].to_pylist(), log["url"].to_pylist(), strict=True))
    steps = Counter((a[1], b[1]) for a, b in pairwise(visits) if a[0] == b[0] and a[1] != b[1])
    text = {row["url"]: row for row in rows}
    good = [pair for pair, _ in steps.most_common() if set(pair) <= text.keys()][: count // 2]
    generator, urls = np.random.default_rng(0), sorted(text)
    bad = []
    for first, _ in good:
        never = [url for url in urls if url != first and (first, url) not in steps]
        bad += [(first, never[generator.integers(len(never))])] if never else []
    pairs = sorted([(*pair, 1.0) for pair in good] + [(*pair, 0.0) for pair in bad])
    columns: dict[str, list[object]] = {"good": [label for *_, label in pairs]}
    for side in (0, 1):
        for name in ("url", "title", "snippet"):
            columns[f"{name}{side + 1}"] = [text[str(pair[side])][name] for pair in pairs]
    pq.write_table(pa.table(columns), out)


@contextmanager
def _serving(model: str, port: int) -> Iterator[dict[str, str]]:
    """Serve the model; yields the variables that the command prints."""
    command = [*ONWARD, "llm", "serve", "--model", model, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None  # noqa: S101
        lines = [process.stdout.readline() for _ in range(VARIABLES)]
        if not all(lines):
            raise SystemExit(process.wait())
        try:
            yield dict(shlex.split(line)[1].split("=", 1) for line in lines)
        finally:
            process.send_signal(signal.SIGTERM)


def _build(out: Path, data: Path, setting: str, environ: dict[str, str]) -> None:
    build = ["build", "--data", str(data), "--bundles", str(out / "bundles"), "--profile", "quick"]
    _run([*ONWARD, *build, *(word for one in (*SMALL, setting) for word in ("--set", one))], environ)


def _compare(out: Path, environ: dict[str, str], name: str, *options: str) -> None:
    """Compare the writers of `options` with key phrases."""
    inputs = [str(out / "bundles/work"), "--clicks", str(out / "data/clicks.parquet"), "--pages", "6"]
    command = [sys.executable, "-m", "benchmarks.qprime_writers", *inputs, *options, "--out", str(out / name)]
    _run(command, environ)


def _run(command: list[str], environ: dict[str, str]) -> None:
    print("$ onward" if command[: len(ONWARD)] == ONWARD else "$ python", *command[len(ONWARD) :], flush=True)
    if status := subprocess.run(command, env=environ, check=False).returncode:  # noqa: S603
        raise SystemExit(status)


if __name__ == "__main__":
    main()
