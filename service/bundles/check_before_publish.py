"""Opens a bundle as a gateway would, in a separate process: a build does so before it makes a bundle current."""

from __future__ import annotations

from pathlib import Path

from service.bundles.check_messages import Order, Refused
from service.bundles.check_process import run_here
from service.settings import Settings
from store.bundle import BundleError

_TIMEOUT_S = 3_600.0  # enough for the largest bundle on a busy machine


def opens(bundles: Path, name: str) -> None:
    """Return once the bundle has been loaded and has answered its warm-up pages. Raises BundleError with the cause.

    It uses the default settings: whether a bundle is published must not depend on the machine that builds it.
    """
    settings = Settings().model_dump(mode="json")
    try:
        run_here(Order(bundles=bundles, name=name, urls=[], settings=settings, seconds=_TIMEOUT_S, nice=0))
    except Refused as refused:
        raise BundleError(f"a gateway would refuse the new bundle, so it was not published: {refused}") from None
