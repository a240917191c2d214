"""The experiment in force: its file is followed, and a changed one is taken once all its arms can answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from configs.reading import SettingsError
from configs.watched_file import stamp
from corpus.urls.url_rules import RULES, UrlRules
from service.experiments.experiment import Experiment
from service.experiments.file import SETTING, read_experiment
from service.experiments.open_arms import Ground, OpenArms
from service.metrics import Metrics
from service.settings import Settings

log = logging.getLogger(__name__)

_CHECK_S = 1.0  # between two looks at the file


class Experiments:
    """The experiment of a file, as it is now; for one event loop.

    A changed file is read in a thread, and bundles that it names are opened beside the live one. Where anything is
    wrong, the previous arms stay, and `problem` says why.
    """

    def __init__(
        self,
        path: Path,
        settings: Settings,
        metrics: Metrics | None = None,
        url_rules: UrlRules = RULES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raise SettingsError where the file, or one of rules that it names, cannot be used."""
        self.problem = ""
        self._path, self._settings, self._metrics, self._clock = path, settings, metrics or Metrics(), clock
        self._stamp = stamp(path)
        self._first = self._read(url_rules)
        self._taken = None if self._first.need_bundles else self._first
        self._ground: Ground | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def arms(self) -> OpenArms | None:
        """The arms that answer new requests; None until the bundles that they name are open."""
        return self._taken

    @property
    def current(self) -> Experiment | None:
        """The experiment that new requests take part in."""
        return None if self._taken is None else self._taken.experiment

    def now(self) -> float:
        """Return the time by which slots are counted, in seconds since 1970."""
        return self._clock()

    async def start(self, ground: Ground) -> None:
        """Open the bundles that arms name, and follow the file from now on. Raises SettingsError."""
        self._ground = ground
        await self._open(self._first)
        await self._take(self._first)
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop following, and release what the arms hold."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._taken is not None:
            await self._taken.close()

    async def poll(self) -> None:
        """Take the file if it has changed; where it cannot be used, the previous arms stay."""
        if (now := await asyncio.to_thread(stamp, self._path)) == self._stamp:
            return
        self._stamp = now
        ground = self._ground
        url_rules = RULES if ground is None else ground.live.bundle.addresses.rules
        try:
            arms = await asyncio.to_thread(self._read, url_rules)
            await self._open(arms)
        except SettingsError as error:
            self._note(str(error))
            return
        self._note("")
        await self._take(arms)

    def _read(self, url_rules: UrlRules) -> OpenArms:
        experiment = read_experiment(self._path, self._settings)
        try:
            return OpenArms(experiment, self._settings.rules.watch_s, self._metrics, url_rules)
        except SettingsError as error:
            raise SettingsError(f"{SETTING}: {self._path}: {error}") from None

    async def _open(self, arms: OpenArms) -> None:
        if self._ground is None:
            return
        try:
            await arms.open(self._ground)
        except SettingsError as error:
            raise SettingsError(f"{SETTING}: {self._path}: {error}") from None

    async def _take(self, arms: OpenArms) -> None:
        """Let the arms answer; what the previous ones hold is released when no request uses it any more."""
        before, self._taken = self._taken, arms
        self._metrics.set_arms(arms.experiment.name, {arm.name: arm.bundle for arm in arms.experiment.arms})
        if self._ground is None:
            return
        arms.follow(self._ground)
        if before is not None and before is not arms:
            await before.close()
            self._ground.arms_changed()

    def _note(self, problem: str) -> None:
        self.problem = problem
        self._metrics.arms_problem.set(bool(problem))
        if problem:
            log.warning("the previous arms stay: %s", problem)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_S)
            try:
                await self.poll()
            except Exception:
                log.exception("the file of arms could not be followed; the previous arms stay")
