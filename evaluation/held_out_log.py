"""Opens what every measurement needs: the held-out log of a bundle, and the true quality of pairs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from corpus.schema import InputError
from corpus.tables.sessions import Sessions
from evaluation.held_out import HeldOut, Targets, read_held_out
from evaluation.truth import Truth, open_truth
from store.bundle import Bundle
from store.tables import LmdbTable


class HeldOutLog(NamedTuple):
    """The held-out log, and the truth if one was given."""

    held_out: HeldOut
    truth: Truth | None


def open_log(
    bundle: Bundle,
    clicks: Path,
    impressions: Path | None,
    since: datetime | None,
    until: datetime | None,
    most_pages: int | None,
    truth: Path | None,
    held_out_share: float = 0.0,
    targets: Targets = Targets.NEXT,
) -> HeldOutLog:
    """Read the held-out log against the bundle's pages, and the truth. Raises InputError, also for an empty log.

    `since` and `until` are UTC; without `since` the log begins where the bundle's ends. With `held_out_share` only
    pages whose labels were not used in training are kept.
    """
    pages = LmdbTable(bundle.file("tables/pages.lmdb"))
    try:
        sessions = Sessions(**bundle.manifest.config.get("sessions", {}))
        from_time = since or _end(bundle)
        held_out = read_held_out(pages, clicks, impressions, from_time, until, bundle.url_rules, sessions, targets)
        known = open_truth(truth, pages, bundle.url_rules) if truth else None
    finally:
        pages.close()
    held_out = held_out.untaught(held_out_share)
    if most_pages is not None:
        held_out = held_out.sample(most_pages, bundle.manifest.seed)
    if not held_out.pages:
        raise InputError(
            f"{clicks}: no session began after the bundle's end: give later clicks or --since, or build with an earlier"
            " --until"
        )
    return HeldOutLog(held_out, known)


def learnt_until(bundle: Bundle, since: datetime | None) -> datetime | None:
    """Return the end of the bundle's log if sessions since a time are partly in it: the bundle has learnt from them."""
    end = _end(bundle)
    return end if end is not None and since is not None and since < end else None


def _end(bundle: Bundle) -> datetime | None:
    end = bundle.manifest.data["end"]
    return None if end is None else datetime.fromisoformat(end)
