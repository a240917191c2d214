"""Renews the stored answers of a bundle: those whose inputs have changed, and those that are missing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cli.many_pages import at_once

if TYPE_CHECKING:
    from redis import Redis

    from cascade.executor import Cascade
    from pipeline.config import AnswersConfig
    from ranking.make_answers import Kept
    from ranking.stored_answers import Head
    from service.settings import Settings
    from store.bundle import Bundle
    from store.tables import LmdbTable

_OTHER_LIMITS = (
    "--redis: the bundle has no answers made with these limits (recall.*.limit, *.keep_top, filters.adult), "
    "and a gateway would not use the new ones: refresh without --redis, then push the new bundle"
)
_AT_ONCE = 2_000  # rows per Redis pipeline


@dataclass(slots=True)
class Refreshed:
    """The result: how many answers were made and kept, and which bundle holds them."""

    bundle: str
    made: int = 0
    kept: int = 0


async def refresh(bundles: Path, bundle: Bundle, settings: Settings, redis: tuple[str, Redis] | None) -> Refreshed:
    """Run the bundle's cascade over its most clicked pages, within the limits of its build and with its model.

    Without `redis` (URL and client) a new bundle is published if an answer has changed; with it rows are replaced in
    Redis, and read from there. Raises BundleError, and SettingsError where a gateway would not use the rows.
    """
    from configs.reading import SettingsError
    from pipeline.answers.rows_so_far import RowsSoFar
    from pipeline.config import BuildConfig
    from pipeline.republish import republish
    from ranking.stored_answers import HEAD, TABLE
    from service.bootstrap import load
    from service.bundles.check_before_publish import opens

    limits = BuildConfig.model_validate(bundle.manifest.config).answers
    redis_url = redis[0] if redis else None
    gateway = load(bundles, _neutral(settings), redis_url=redis_url, bundle=bundle.name, live_rules=False)
    done = Refreshed(bundle.name)
    try:
        with _opened(bundle) as (pages, own), tempfile.TemporaryDirectory(dir=bundles) as directory:
            old = _OldRows(bundle, own, _head(bundle, settings), redis[1] if redis else None)
            if redis and not old.comparable:
                raise SettingsError(_OTHER_LIMITS)
            with RowsSoFar(Path(directory)) as rows:
                with _scoring(bundle, pages, gateway.live.bundle.cascade) as cascade:
                    await _fill(cascade, _by_clicks(pages), limits, old, rows, done)
                if done.made and redis:
                    old.replace(rows.items())
                elif done.made:
                    rows.put(HEAD, old.head.model_dump_json().encode())
                    done.bundle = republish(bundles, bundle, TABLE, rows.finish, opens)
    finally:
        await gateway.close()
    return done


class _OldRows:
    """The present rows of a bundle's answers, in its file or in Redis."""

    def __init__(self, bundle: Bundle, table: LmdbTable | None, head: Head, client: Redis | None) -> None:
        from ranking.stored_answers import HEAD, TABLE, read_head
        from store.tables import key_prefix

        self.head, self._table, self._client = head, table, client
        self._prefix = key_prefix(bundle.name, TABLE)
        self.comparable = table is not None and read_head(table.get(HEAD)) == head

    def row(self, page: int) -> bytes | None:
        """Return a page's row where it was made with the same limits; a corrupt one does not count."""
        from store.answer_row import is_row

        if not self.comparable or self._table is None:
            return None
        row: Any = self._client.get(self._key(page)) if self._client else self._table.get(page)
        return row if row is not None and is_row(page, row) else None

    def replace(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Set rows in Redis, a few thousand per round trip."""
        from itertools import islice

        assert self._client is not None  # noqa: S101 -- only called with Redis
        waiting = iter(rows)
        while part := list(islice(waiting, _AT_ONCE)):
            pipeline = self._client.pipeline(transaction=False)
            for page, row in part:
                pipeline.set(self._key(page), row)
            pipeline.execute()

    def _key(self, page: int) -> bytes:
        return self._prefix + page.to_bytes(8, "big")


async def _fill(
    cascade: Cascade, pages: list[int], limits: AnswersConfig, old: _OldRows, rows: Any, done: Refreshed
) -> None:
    from pipeline.runner.progress import progress
    from ranking.make_answers import make, warm_up
    from store.answer_row import inputs_of

    wanted, until = pages[: limits.most_pages], time.monotonic() + 60 * limits.most_minutes
    kept: Kept = lambda page: None if (row := old.row(page)) is None else inputs_of(row)  # noqa: E731
    with progress("answers", len(wanted)) as advance:
        if wanted:
            await warm_up(cascade, wanted[0])
        number = 0
        async for made in make(cascade, wanted, at_once(), kept):
            number += 1
            advance(number)
            row = old.row(made.page) if made.kept else made.row
            if row is not None:
                rows.put(made.page, row)
            done.made += made.row is not None
            done.kept += made.kept
            if rows.bytes >= limits.most_mb * 1e6 or time.monotonic() >= until:
                break


@contextmanager
def _scoring(bundle: Bundle, pages: LmdbTable, cascade: Cascade) -> Iterator[Cascade]:
    """Give the cascade with the teachers in the student's place, if the bundle has teachers."""
    from concurrent.futures import ThreadPoolExecutor

    from configs.threads import FREE, threads
    from ranking.stored_answers import TEACHERS
    from ranking.teachers.pairs import TeacherHeads, scored_by

    if not (directory := bundle.path / TEACHERS).is_dir():
        yield cascade
        return
    with ThreadPoolExecutor(threads(FREE), TEACHERS) as native:
        yield scored_by(TeacherHeads(directory, pages, native, threads=1), cascade)


def _neutral(settings: Settings) -> Settings:
    """Return the settings without those that apply when an answer is asked for."""
    from service.settings import BlockSettings, FreshnessSettings

    return settings.model_copy(update={"block": BlockSettings(), "freshness": FreshnessSettings()})


def _head(bundle: Bundle, settings: Settings) -> Head:
    from ranking.stored_answers import Head
    from service.bundles.opening import choices

    return Head.of(bundle.manifest.files, choices(settings).limits())


@contextmanager
def _opened(bundle: Bundle) -> Iterator[tuple[LmdbTable, LmdbTable | None]]:
    """Give the tables of pages and of answers, None where the bundle has none."""
    from ranking.stored_answers import FILE
    from store.tables import LmdbTable

    pages = LmdbTable(bundle.file("tables/pages.lmdb"))
    answers = LmdbTable(bundle.file(FILE)) if FILE in bundle.manifest.files else None
    try:
        yield pages, answers
    finally:
        for table in (pages, answers):
            if table is not None:
                table.close()


def _by_clicks(pages: LmdbTable) -> list[int]:
    """Return the pages, the most clicked first."""
    from store.page_row import FACTS

    rows = b"".join(row[: FACTS.itemsize] for _, row in pages.items())
    facts = np.frombuffer(rows, FACTS)
    found: list[int] = facts["page"][np.argsort(-facts["clicks_all"].astype(np.int64), kind="stable")].tolist()
    return found
