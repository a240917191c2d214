"""Opens a bundle as a gateway would, in a process of its own: what a build asks before it makes a bundle current."""

from __future__ import annotations

from pathlib import Path

from service.bundles.trial import run_here
from service.bundles.verdict import Order, Refused
from service.settings import Settings
from store.bundle import BundleError

_PATIENCE_S = 3_600.0  # the largest bundle on a busy machine


def opens(bundles: Path, name: str) -> None:
    """Return once the bundle was loaded and has answered its warm-up pages. Raises BundleError with the cause.

    The settings are the defaults: whether a bundle serves must not depend on the machine that builds it.
    """
    settings = Settings().model_dump(mode="json")
    try:
        run_here(Order(bundles=bundles, name=name, urls=[], settings=settings, seconds=_PATIENCE_S, nice=0))
    except Refused as refused:
        raise BundleError(f"no gateway would serve what was built, and nothing was published: {refused}") from None
