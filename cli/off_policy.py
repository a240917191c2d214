"""`onward evaluate --off-policy`: the clicks that a bundle's answers would have got, from an exploration log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from cascade.executor import Cascade
    from evaluation.off_policy.estimators import Estimates
    from service.settings import Settings
    from store.bundle import Bundle


def off_policy(
    bundles: Path, bundle: Bundle, settings: Settings, events: Path, experiment: str | None, out: Path | None
) -> None:
    """Estimate the clicks per answer of the bundle's answers, and print them beside those of the log."""
    from dataclasses import asdict

    import numpy as np
    import orjson

    from evaluation.off_policy.estimators import estimate
    from evaluation.off_policy.log import read_log
    from evaluation.off_policy.target import answers
    from service.offline import over_pages

    log = read_log(events, experiment)
    pages = np.unique(log.page1)

    async def work(cascade: Cascade, progress: Callable[[int], None]) -> NDArray[np.uint64]:
        return await answers(cascade, pages, progress)

    listed = over_pages("off-policy", bundles, bundle, settings, len(pages), work)
    found = estimate(log, listed[np.searchsorted(pages, log.page1)])
    _show(bundle.name, found)
    if out is not None:
        report: dict[str, Any] = {"bundle": bundle.name, "experiment": experiment, **asdict(found)}
        out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))


def _show(bundle: str, found: Estimates) -> None:
    from rich.console import Console
    from rich.table import Table

    from evaluation.reports.document import interval_text

    title = f"{bundle}: clicks per answer, from {found.impressions:,} explored impressions"
    table = Table("estimate", "clicks per answer", title=title)
    table.add_row("logged: what was shown", interval_text(found.logged, 4))
    table.add_row("IPS", interval_text(found.ips, 4))
    table.add_row("SNIPS", interval_text(found.snips, 4))
    table.add_row("DR", interval_text(found.dr, 4))
    Console().print(table)
    Console().print(f"{found.matched:.1%} of the positions showed the page that this bundle would have shown there")
