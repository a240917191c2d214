"""`onward evaluate`: how well a bundle predicts the pages that readers visit next, and the quality of its answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.held_out_options import (
    SATISFIED_S,
    ClicksOrNone,
    Impressions,
    MostPages,
    SatisfiedS,
    Since,
    Targets,
    TruthFile,
    Until,
)
from cli.many_pages import without_time_limits
from cli.options import BundleName, Bundles, Config, Json, Overrides, settings_of, utc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from store.bundle import Bundle


def evaluate(
    bundles: Bundles,
    clicks: ClicksOrNone = None,
    impressions: Impressions = None,
    since: Since = None,
    until: Until = None,
    most_pages: MostPages = None,
    targets: Targets = "next",
    truth: TruthFile = None,
    satisfied_s: SatisfiedS = SATISFIED_S,
    paths: Annotated[
        bool, typer.Option("--paths", help="Show what each recall path adds; takes five times as long.")
    ] = False,
    off_policy: Annotated[
        Path | None,
        typer.Option("--off-policy", help="Events of an arm that explores: estimate the clicks from them instead."),
    ] = None,
    experiment: Annotated[str | None, typer.Option(help="With --off-policy: only events of this experiment.")] = None,
    out: Json = None,
    bundle: BundleName = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Measure recall@30, HR@5 and NDCG@5 of every path, of stage 1 and of the whole cascade; with --truth RecoDCG@5."""
    import orjson
    from rich.console import Console

    from cli.figures import in_sample, report_of, show
    from corpus.tables.report_screen import show as show_rows
    from evaluation.answer_quality import AnswerQuality, ClickRules
    from evaluation.contributions import Contributions
    from evaluation.held_out import Targets as held_out_targets  # noqa: N813 - called like a function
    from evaluation.held_out_log import learnt_until, open_log
    from evaluation.next_page import measure
    from ranking.blend import Blend
    from service.offline import over_pages
    from store.bundle import open_bundle

    settings = settings_of(config, [*without_time_limits(), *(overrides or ())])
    opened = open_bundle(bundles, bundle)
    if off_policy is not None:
        from cli.off_policy import off_policy as estimate

        estimate(bundles, opened, settings, off_policy, experiment, out)
        return
    if clicks is None:
        raise typer.BadParameter("give --clicks, a clicks table with held-out sessions, or --off-policy, events")
    held_out, known = open_log(
        opened, clicks, impressions, utc(since), utc(until), most_pages, truth, targets=held_out_targets(targets)
    )
    show_rows(held_out.report, Console(stderr=True))
    reporting = held_out.reporting(opened.held_out_share)
    if known and not reporting.pages:
        raise typer.BadParameter("none of the sampled pages reports quality: sample more with --most-pages")
    quality = AnswerQuality(known, ClickRules.of(reporting, satisfied_s), frozenset(reporting.pages)) if known else None
    weights = list(dict.fromkeys((0.0, Blend.load(opened.file("blend.json")).quality_weight)))
    contributions = Contributions() if paths else None
    popular, unclicked = _popular(opened), _unclicked(opened)
    figures = over_pages(
        "evaluate",
        bundles,
        opened,
        settings,
        len(held_out.pages),
        lambda cascade, progress: measure(
            cascade, held_out, weights, popular, unclicked, progress, quality, contributions
        ),
    )
    end = learnt_until(opened, utc(since))
    report = report_of(opened, held_out, figures, quality, contributions, learnt_from=end is not None)
    show(report)
    if end is not None:
        typer.echo(in_sample(end))
    if out is not None:
        out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))


def _popular(bundle: Bundle) -> NDArray[np.uint64]:
    import numpy as np

    from recall.popular.lookup import OVERALL
    from store.tables import LmdbTable

    table = LmdbTable(bundle.file("tables/popular.lmdb"))
    popular = np.frombuffer(table.read(np.array([OVERALL], np.uint64))[0] or b"", "<u8")
    table.close()
    return popular


def _unclicked(bundle: Bundle) -> NDArray[np.uint64]:
    """Return the pages that the bundle's log has no click on."""
    import numpy as np

    from store.page_row import read_facts
    from store.tables import LmdbTable

    table = LmdbTable(bundle.file("tables/pages.lmdb"))
    facts = read_facts([row for _, row in table.items()])
    table.close()
    return np.asarray(facts["page"][facts["clicks_all"] == 0])
