"""`onward rerank-llm`: a language model's opinion of stored answers, kept where held-out readers agree with it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.held_out_options import ClicksOrNone, Since, Until
from cli.options import Bundles, Json, utc

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from evidence.rerank import Reranked
    from store.bundle import Bundle

_MODEL = "A folder, a GGUF file, a hub name, smollm2, or a name of `onward llm models`."


def rerank_llm(
    bundles: Bundles,
    model: Annotated[str, typer.Option("--model", help=_MODEL)],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the build's tables: held-out sessions are in its clicks.")
    ] = None,
    clicks: ClicksOrNone = None,
    since: Since = None,
    until: Until = None,
    pages: Annotated[int, typer.Option(min=1, help="Score this many pages, those with the fewest clicks.")] = 300,
    weigh_on: Annotated[
        int, typer.Option("--weigh-on", min=1, help="Weigh on this many pages: the thinnest with held-out readers.")
    ] = 1_000,
    evidence: Annotated[bool, typer.Option(help="Show the model what a search for the page's title finds.")] = True,
    prior: Annotated[
        float, typer.Option(min=0, max=1, help="Share of a title's likelihood without the page that is taken off.")
    ] = 0.0,
    mp_head: Annotated[
        Path | None, typer.Option("--mp-head", help="Adapters and MP-Heads that `onward ablate evidence` has learnt.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option("--work", help="What the model has said; by default rerank-llm in --bundles.")
    ] = None,
    json: Json = None,
) -> None:
    """Score stored candidates of pages with few clicks, and publish the scores if held-out clicks show a gain."""
    from contextlib import ExitStack, closing

    import orjson

    from evaluation.held_out_log import open_log
    from evidence.page_evidence import PageEvidence, open_index
    from evidence.prompt_tokens import READS, PromptTokens
    from evidence.rerank import Reranker, open_answers, rerank
    from evidence.score_cache import ScoreCache
    from evidence.title_scorer import TitleScorer
    from service.bundles.check_before_publish import opens
    from store.bundle import open_bundle
    from store.disk_space import report_full_disk
    from store.one_run import alone_in
    from store.tables import LmdbTable

    work = work or bundles / "rerank-llm"
    with alone_in(bundles, "onward rerank-llm"), report_full_disk(bundles), ExitStack() as stack:
        bundle = open_bundle(bundles)
        _check_unseen(bundle, utc(since))
        answers = stack.enter_context(closing(open_answers(bundle)))
        log = open_log(bundle, _clicks(data, clicks), None, utc(since), utc(until), None, None)
        table = stack.enter_context(closing(LmdbTable(bundle.file("tables/pages.lmdb"))))
        locked = work.exists() and work.samefile(bundles)
        if not locked:  # it may be that of other bundles too
            stack.enter_context(alone_in(work, "onward rerank-llm", make=True))
        causal, tokenizer = _open_model(model, mp_head, work)
        tokens = PromptTokens(tokenizer, READS)
        cache = stack.enter_context(closing(ScoreCache(work / "scores.sqlite")))
        key = bundle.manifest.files["tables/pages.lmdb"][:12]
        found = PageEvidence(table, open_index(table, work, key), tokens.count) if evidence else None
        reranker = Reranker(table, answers, TitleScorer(causal, tokens, cache, prior), found)
        done = rerank(bundles, bundle, reranker, log.held_out.steps, pages, weigh_on, opens)
    if json is not None:
        json.write_bytes(orjson.dumps(done.as_dict(), option=orjson.OPT_INDENT_2))
    typer.echo(_said(done))


def _check_unseen(bundle: Bundle, since: datetime | None) -> None:
    """Raise BadParameter for a time before the end of the bundle's log: its lists have counted those clicks."""
    from evaluation.held_out_log import learnt_until

    if end := learnt_until(bundle, since):
        raise typer.BadParameter(f"--since: the bundle has learnt from its log until {end}: give a later time")


def _clicks(data: Path | None, clicks: Path | None) -> Path:
    """Return the table of held-out sessions."""
    if clicks is not None:
        return clicks
    if data is None:
        raise typer.BadParameter("give --data, the folder of the build's tables, or --clicks, a table of sessions")
    if not (found := data / "clicks.parquet").is_file():
        raise typer.BadParameter(f"--data: {data} has no clicks.parquet: give --clicks, a table of held-out sessions")
    return found


def _open_model(name: str, mp_head: Path | None, work: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    import torch

    from evidence.base_model import open_base
    from evidence.learnt import with_learnt
    from prompting.local.models import MODELS
    from prompting.local.weights import default_cache, weights
    from text_model.distributed import world

    if name in MODELS:
        name = str(weights(MODELS[name], default_cache(), lambda text: typer.echo(text, err=True)))
    base, tokenizer = open_base(name, work)
    base.to(torch.bfloat16).to(world().device)  # type: ignore[arg-type]
    return (base if mp_head is None else with_learnt(base, mp_head)), tokenizer


def _said(done: Reranked) -> str:
    """Return the result in a sentence or two."""
    if not done.choice:
        return f"{done.bundle}: nothing changed: {done.why}"
    found = done.choice
    gain = f"NDCG@5 {found['ndcg']} -> {found['ndcg_with']}, gain [{found['low']}, {found['high']}]"
    on = f"on {found['steps']:,} held-out steps from {done.weighed:,} thin pages"
    if done.why:
        return f"{done.bundle}: nothing changed: {done.why}: {gain} {on}"
    return f"{done.bundle}: weight {found['weight']} in {done.written:,} stored answers: {gain} {on}"
