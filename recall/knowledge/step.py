"""The step that writes what is known of each page, embeds it, and adapts the embeddings to what readers do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.reading import SettingsError
from pipeline.log.split import PAST, SNAPSHOTS
from pipeline.log.withheld import withheld_pages
from pipeline.pages.page_ids import page_ids
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from prompting.endpoint import read_endpoint
from prompting.key_factors import FactorPrompts
from recall import ann
from recall.knowledge import build, written
from recall.knowledge.config import KnowledgeConfig
from recall.knowledge.extract import Extractor
from recall.knowledge.llm import LlmKnowledge
from recall.knowledge.path import ENCODER, FILES, TEXT, TOKENIZER
from recall.knowledge.source import known_pages
from recall.knowledge.train import Evidence, train
from text_model.distributed import world
from text_model.resumable_array import clear
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer

if TYPE_CHECKING:
    from pipeline.config import BuildConfig

_TEXTS, _VIEWS = "texts.parquet", "views.npy"


def knowledge(work: Work) -> dict[str, object]:
    """Write texts, embed them, train the adapter and index all pages, of the past and of all."""
    config, out = work.config.section(KnowledgeConfig), work.directory
    if not config.enabled:
        return _nothing(out)
    figures = _embed(work, config) if world().main else {}
    world().wait()
    embeddings, pages = np.load(out / _VIEWS, mmap_mode="r"), page_ids(work)
    for name in SNAPSHOTS:
        with progress(f"adapting {name}", config.steps) as advance:
            evidence = _evidence(work, name, pages, embeddings.any(axis=1))
            adapter, curve = train(embeddings, evidence, config, work.config.seed, advance)
        if world().main:
            directory = _directory(work, config, name)
            index = build.write(directory, pages, embeddings, adapter)
            figures |= {**index.figures(), "curves": {"adapter": curve.thinned()}, "steps": curve.steps}
            figures |= {"pairs": int((evidence.near > 0).sum()), "swing_pairs": int((evidence.swing > 0).sum())}
    world().wait()
    if world().main:
        clear(out / _VIEWS)
    return figures  # of ALL, which serves


def _external(config: BuildConfig) -> object:
    endpoint = read_endpoint() if config.section(KnowledgeConfig).writer == "llm" else None
    return endpoint and endpoint.identity()


STEP = Step(
    "knowledge",
    knowledge,
    after=("read", "counts", "text"),
    config=("knowledge", "text", "examples.most_withheld"),
    external=_external,
    shared=True,
    resumes=True,
)


def _embed(work: Work, config: KnowledgeConfig) -> dict[str, object]:
    """Write the texts and the views of all pages; return figures."""
    out, text = work.directory, work.of("text")
    encoder, alone = OnnxModel(text / "encoder.onnx", threads=1), OnnxModel(text / "encoder.onnx")
    tokenizer = PageTokenizer(text / "tokenizer.json", config.tokens)
    llm = _llm(config)
    total = pq.ParquetFile(work.of("read") / "pages.parquet").metadata.num_rows
    with progress("writing what is known of pages", total) as advance:
        texts = Extractor(alone, tokenizer, config)
        written.write(out / _TEXTS, known_pages(work.of("read")), texts, llm, advance)
    with progress("embedding what is known of pages", total) as advance:
        build.views(out / _TEXTS, encoder, tokenizer, out / _VIEWS, advance)
    failed: dict[str, object] = {} if llm is None else {"failed": dict(llm.failed), "tokens": llm.tokens}
    return {"texts": written.counted(out / _TEXTS), **failed}


def _llm(config: KnowledgeConfig) -> LlmKnowledge | None:
    if config.writer != "llm":
        return None
    if (endpoint := read_endpoint()) is None:
        raise SettingsError("knowledge.writer is llm and ONWARD_LLM_MODEL is not set: set it, or choose extract")
    return LlmKnowledge(endpoint, FactorPrompts(config.factors))


def _evidence(work: Work, snapshot: str, pages: NDArray[np.uint64], read: NDArray[np.bool_]) -> Evidence:
    """Return the pairs of the log whose pages the tokenizer can both read.

    Pages whose past is hidden from the rankers are hidden here too: their cosines are then those of new pages.
    """
    table = pq.read_table(
        work.of("counts") / snapshot / "evidence.parquet",
        columns=["page1", "page2", "near", "swing"],
        filters=[[("near", ">", 0)], [("swing", ">", 0)]],
    )
    page1, page2 = (np.searchsorted(pages, table[name].to_numpy()) for name in ("page1", "page2"))
    hidden = ~read
    if snapshot == PAST:
        hidden |= np.isin(pages, withheld_pages(work))
    return Evidence(page1, page2, table["near"].to_numpy(), table["swing"].to_numpy()).without(hidden)


def _directory(work: Work, config: KnowledgeConfig, snapshot: str) -> Path:
    """Return the directory of a snapshot, with the files that both have."""
    made, text = work.directory / snapshot, work.of("text")
    made.mkdir(exist_ok=True)
    for source, name in (("encoder.onnx", ENCODER), ("tokenizer.json", TOKENIZER)):
        shutil.copyfile(text / source, made / name)
    (made / TEXT).write_text(json.dumps({"tokens": config.tokens}))
    return made


def _nothing(out: Path) -> dict[str, object]:
    """Write a path without pages; its files are empty and are not opened."""
    index = ann.build(np.empty(0, np.uint64), np.empty((0, 1), np.float32))
    for name in SNAPSHOTS:
        (out / name).mkdir(exist_ok=True)
        index.save(out / name / "pages")
        for file in FILES:
            (out / name / file).write_bytes(b"")
    return index.figures()
