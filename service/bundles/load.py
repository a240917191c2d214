"""Loads a checked bundle beside the live one, and verifies that its files are those that were checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from service.bundles.check_messages import Refused
from service.live_bundle import LoadedBundle
from store.bundle import MANIFEST, Bundle, BundleError, file_hash, open_bundle

_Marks = dict[str, tuple[int, ...]]


def load_checked(bundles: Path, name: str, manifest: str, load: Callable[[Bundle], LoadedBundle]) -> LoadedBundle:
    """Hash the files again, load them, and verify that none changed meanwhile; runs in a thread. Raises Refused.

    `manifest` is the hash of the manifest that the check read.
    """
    directory = bundles / name
    try:
        before = _marks(directory)
        opened = open_bundle(bundles, name)
        if file_hash(directory / MANIFEST) != manifest:
            raise BundleError(f"bundle {name}: manifest.json is not the one that was checked")
    except (BundleError, OSError) as error:
        raise Refused("changed", f"{error}; the bundle changed after its check: publish it again") from None
    try:
        bundle = load(opened)
    except Exception as error:
        raise Refused("failed", f"bundle {name} passed its check but the gateway cannot open it: {error!r}") from error
    if not _unchanged(directory, before):
        bundle.close()
        raise Refused("changed", f"files of bundle {name} changed while it was loaded: publish it again")
    return bundle


def _unchanged(directory: Path, before: _Marks) -> bool:
    try:
        return _marks(directory) == before
    except OSError:
        return False


def _marks(directory: Path) -> _Marks:
    """Return what changes when a file is written; not the ctime, which hard links change too."""
    found: _Marks = {}
    for path in sorted(directory.rglob("*")):
        stat = path.lstat()
        found[str(path)] = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found
