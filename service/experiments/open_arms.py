"""An experiment with what its arms hold: rules of their own, which are followed, and bundles, which stay open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from configs.reading import SettingsError
from corpus.urls.url_rules import UrlRules
from service.experiments.experiment import Arm, Experiment
from service.live_bundle import Lease, Live, LoadedBundle
from service.metrics import Metrics
from service.rules.joined_rules import JoinedRules
from service.rules.live_rules import LiveRules
from service.rules.reading import RulesError
from service.rules.rule import Rule
from service.rules.sources import RulesFile
from service.rules.steering import BlockFilter
from service.rules.watch import Follow, RulesWatch


@dataclass(frozen=True, slots=True)
class Ground:
    """What arms stand on in a gateway."""

    live: Live
    hold: Callable[[str], Awaitable[Lease]]  # keeps another bundle open, checked and warm; raises SettingsError
    rules_changed: Callable[[tuple[Rule, ...]], None]  # with the new blocks
    arms_changed: Callable[[], None]


class OpenArms:
    """An experiment whose arms can answer; for one event loop."""

    def __init__(self, experiment: Experiment, watch_s: float, metrics: Metrics, url_rules: UrlRules) -> None:
        """Read the arms' rules. Raises SettingsError."""
        self.experiment = experiment
        own = {arm.name: _read(arm, url_rules) for arm in experiment.arms if arm.rules}
        self.rules = {name: RulesWatch(rules, [source], watch_s, metrics) for name, (rules, source) in own.items()}
        self._leases: dict[str, Lease] = {}  # by bundle
        self._views: dict[str, LoadedBundle] = {}  # by arm

    @property
    def need_bundles(self) -> bool:
        """Whether `open` has to be awaited before the arms can answer."""
        return any(arm.bundle not in self._leases for arm in self.experiment.arms if arm.bundle)

    async def open(self, ground: Ground) -> None:
        """Open the arms' bundles. Raises SettingsError, and then holds none."""
        try:
            for arm in self.experiment.arms:
                if arm.bundle and arm.bundle not in self._leases:
                    self._leases[arm.bundle] = await _held(arm, ground)
        except BaseException:
            self._release()
            raise

    def follow(self, ground: Ground) -> None:
        """Follow the files of the arms' rules from now on."""
        for arm in self.experiment.arms:
            if arm.name in self.rules:
                url_rules = partial(self._url_rules, arm, ground.live)
                self.rules[arm.name].start(Follow(url_rules, ground.rules_changed))

    def bundle(self, arm: Arm, live: LoadedBundle) -> LoadedBundle:
        """Return the bundle that an arm answers from, under the arm's rules."""
        bundle = self._bundle(arm, live)
        if arm.name not in self.rules:
            return bundle
        view = self._views.get(arm.name)
        if view is None or view.plain is not bundle:
            view = self._views[arm.name] = _under(bundle, self.rules[arm.name].rules)
        return view

    def forget_views(self) -> None:
        """Let go of bundles that are no longer live."""
        self._views.clear()

    async def close(self) -> None:
        """Stop following rules, and release the bundles."""
        await asyncio.gather(*(watch.close() for watch in self.rules.values()))
        self._release()

    def _url_rules(self, arm: Arm, live: Live) -> UrlRules:
        return self._bundle(arm, live.bundle).addresses.rules

    def _bundle(self, arm: Arm, live: LoadedBundle) -> LoadedBundle:
        return self._leases[arm.bundle].bundle if arm.bundle else live

    def _release(self) -> None:
        self._views.clear()
        while self._leases:
            self._leases.popitem()[1].release()


def _read(arm: Arm, url_rules: UrlRules) -> tuple[LiveRules, RulesFile]:
    rules, source = LiveRules(), RulesFile(Path(arm.rules), name=f"arm {arm.name}")
    try:
        rules.replace(source.name, source.read(), url_rules)
    except RulesError as error:
        raise SettingsError(f"arm {arm.name}: rules: {error}") from None
    return rules, source


async def _held(arm: Arm, ground: Ground) -> Lease:
    try:
        return await ground.hold(arm.bundle)
    except SettingsError as error:
        raise SettingsError(f"arm {arm.name}: bundle: {error}") from None


def _under(bundle: LoadedBundle, own: LiveRules) -> LoadedBundle:
    """Return a view of the bundle under an arm's own rules and the gateway's."""
    steering = bundle.steering.under(JoinedRules(own, bundle.steering.rules))
    cascade = bundle.cascade
    filters = [BlockFilter(steering) if isinstance(rule, BlockFilter) else rule for rule in cascade.filters]
    return replace(bundle, cascade=replace(cascade, filters=filters), steering=steering, plain=bundle)
