"""The bundle: everything that serving reads, with a manifest; published atomically by a rename."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blake3 import blake3
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs import plain_words
from corpus.files.sync import sync
from corpus.urls.url_rules import RULES, UrlRules

FORMAT = 7
MANIFEST = "manifest.json"
CURRENT = "current"
_PART = 1 << 20  # bytes read and hashed per step
_NAME = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{8}$")


class BundleError(RuntimeError):
    """A bundle that cannot be served; the message names the file and the fix."""


class Manifest(BaseModel):
    """A bundle's contents and how it was built."""

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    name: str
    created: datetime
    git_commit: str = ""
    seed: int
    config: dict[str, Any] = Field(description="the whole build configuration")
    languages: dict[str, int] = Field(default_factory=dict, description="language -> pages")
    url_rules: UrlRules = Field(default=RULES, description="how URLs are canonicalized, in serving too")
    data: dict[str, Any] = Field(description="input tables, rows read and rejected, time windows")
    features: dict[str, list[str]] = Field(description="model -> feature names in the model's order")
    dimensions: dict[str, int] = Field(description="index -> vector dimension")
    search: dict[str, str] = Field(default_factory=dict, description="index -> search parameters, '' if exact")
    rows: dict[str, int] = Field(description="table or index -> rows")
    metrics: dict[str, Any] = Field(default_factory=dict, description="offline metrics")
    seconds: dict[str, float] = Field(default_factory=dict, description="step -> seconds that its run took")
    notes: list[str] = Field(default_factory=list, description="caveats for reading the metrics")
    warmup: list[str] = Field(description="URLs that a gateway answers once before it is ready")
    files: dict[str, str] = Field(description="path -> BLAKE3 of every other file")


class Bundle:
    """A verified bundle on disk."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.name = manifest.name

    @property
    def url_rules(self) -> UrlRules:
        """The URL rules of the build: serving must use the same ones, or its keys would not match the tables."""
        return self.manifest.url_rules

    @property
    def held_out_share(self) -> float:
        """The share of pages whose labels were held out of training; see corpus.label_split."""
        config = self.manifest.config
        return float(config["labels"].get("held_out_share", 0.0)) if config.get("measured") else 0.0

    def file(self, name: str) -> Path:
        """Return the path of a file in the manifest. Raises BundleError for any other name."""
        if name not in self.manifest.files:
            raise BundleError(f"bundle {self.name} has no {name}: build it again")
        return self.path / name


#: Checks that a gateway can serve the named bundle in a directory of bundles; raises BundleError otherwise.
Opens = Callable[[Path, str], None]


def publish(building: Path, bundles: Path, manifest: Manifest, opens: Opens | None = None) -> Path:
    """Make the finished directory `building` the current bundle of `bundles`.

    Files are hashed and fsynced, the manifest is written last, the directory is renamed into place and `current` is
    updated: a kill at any point leaves the old bundle live. `opens`, if given, checks the bundle first; a bundle that
    fails the check is removed and the BundleError is raised.
    """
    manifest.files = {str(p.relative_to(building)): file_hash(p) for p in _files(building)}
    write_atomically(building / MANIFEST, manifest.model_dump_json(indent=1).encode())
    fsync_tree(building)
    target = bundles / manifest.name
    if opens is None:
        building.rename(target)
    else:
        _rename_opened(building, target, opens)
    sync(bundles)
    point_current(bundles, manifest.name)
    return target


def trial_directory(building: Path) -> Path:
    """Return the directory in which `publish` checks the bundle from `building`; a kill may leave it behind."""
    return building.with_name(f"{building.name}.opening")


def point_current(bundles: Path, name: str) -> None:
    """Make a published bundle the live one; used for rollback too."""
    if not (bundles / name / MANIFEST).is_file():
        raise BundleError(f"{bundles} has no bundle {name}")
    write_atomically(bundles / CURRENT, f"{name}\n".encode())
    sync(bundles)


def published(bundles: Path) -> list[str]:
    """Return the names of all published bundles, oldest first."""
    return sorted(path.parent.name for path in bundles.glob(f"*/{MANIFEST}") if is_name(path.parent.name))


def previous(bundles: Path) -> str:
    """Return the name of the newest bundle older than the current one. Raises BundleError if there is none."""
    current = current_name(bundles)
    older = [name for name in published(bundles) if name < current]
    if not older:
        raise BundleError(f"{bundles} has no bundle older than {current}: name one with --to")
    return older[-1]


def current_name(bundles: Path) -> str:
    """Return the name of the live bundle. Raises BundleError if nothing is published."""
    try:
        name = (bundles / CURRENT).read_text().strip()
    except FileNotFoundError:
        raise BundleError(f"{bundles} has no published bundle: run `onward build` first") from None
    if not is_name(name):
        raise BundleError(f"{bundles / CURRENT} does not name a bundle: write a bundle's directory name into it")
    return name


def open_bundle(bundles: Path, name: str | None = None) -> Bundle:
    """Open the named or current bundle after verifying the hash of every file.

    Only the JSON manifest is parsed before the hashes are verified. Raises BundleError.
    """
    name = name or current_name(bundles)
    if not is_name(name):  # it becomes part of a path and may come from a request
        raise BundleError(f"{name!r} is not a bundle name: give a bundle's directory name")
    path = bundles / name
    try:
        manifest = Manifest.model_validate_json((path / MANIFEST).read_bytes())
    except FileNotFoundError:
        if not path.is_dir():
            raise BundleError(f"{bundles} holds no bundle {name}: `onward bundles` lists them") from None
        raise BundleError(f"{path} has no {MANIFEST}: it was not published") from None
    except OSError as error:
        raise BundleError(f"{path / MANIFEST} cannot be read ({error.strerror}): copy the bundle again") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = plain_words.place(first["loc"])
        problem = f"{where}: {plain_words.problem(first)}" if where else plain_words.problem(first)
        raise BundleError(f"{path / MANIFEST} is not a valid manifest: {problem}") from None
    if manifest.format != FORMAT:
        raise BundleError(f"bundle {name} has format {manifest.format}; this version reads {FORMAT}: build it again")
    if manifest.name != name:
        raise BundleError(f"bundle {name} has the manifest of {manifest.name}: restore its directory's name")
    verify(path, manifest)
    return Bundle(path, manifest)


def verify(path: Path, manifest: Manifest) -> None:
    """Check that the directory contains exactly the manifest's files with their hashes. Raises BundleError."""
    for entry in path.rglob("*"):
        if entry.is_symlink():
            raise BundleError(f"{entry} is a symbolic link: a bundle may only contain regular files")
        if not (entry.is_file() or entry.is_dir()):
            raise BundleError(f"{entry} is not a regular file: remove it")
    present = {str(p.relative_to(path)) for p in _files(path)} - {MANIFEST}
    if missing := sorted(manifest.files.keys() - present):
        raise BundleError(f"bundle {manifest.name} has no {missing[0]}: copy it again or build it again")
    if extra := sorted(present - manifest.files.keys()):
        raise BundleError(f"bundle {manifest.name} contains {extra[0]}, which its manifest does not list: remove it")
    for name, expected in manifest.files.items():
        if file_hash(path / name) != expected:
            raise BundleError(f"{path / name} does not match its hash: it is corrupt; copy it again or build it again")


def is_name(name: str) -> bool:
    """Return whether this is a valid bundle name."""
    return _NAME.fullmatch(name) is not None


def bundle_name(created: datetime, identity: str) -> str:
    """Return `<UTC>-<hash>`, the name of a bundle built at `created` from the inputs that `identity` identifies."""
    return f"{created.astimezone(UTC):%Y%m%dT%H%M%SZ}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


def bundle_name_after(name: str, created: datetime) -> str:
    """Return the name of a bundle made at `created` from the same inputs as bundle `name`."""
    return f"{created.astimezone(UTC):%Y%m%dT%H%M%SZ}-{name.rpartition('-')[2]}"


def file_hash(path: Path) -> str:
    """Return the BLAKE3 hash of a file in hex; SHA-256 would take several times as long.

    The file is read, not memory-mapped: if it shrinks meanwhile, a mapped read would kill the process. Single-threaded:
    hash threads would not survive a fork.
    """
    hasher, part = blake3(), memoryview(bytearray(_PART))
    with path.open("rb", buffering=0) as file:
        while length := file.readinto(part):
            hasher.update(part[:length])
    return hasher.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a small file; readers see either the old or the new contents, never a mix."""
    working = path.with_name(f".{path.name}.{secrets.token_hex(8)}")  # containers may share a directory, and PIDs
    with working.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    working.replace(path)


def fsync_tree(directory: Path) -> None:
    """Flush a directory tree, including file names, to the disk."""
    for path in (*directory.rglob("*"), directory):
        sync(path)


def _rename_opened(building: Path, target: Path, opens: Opens) -> None:
    """Check a bundle under its final name in a private directory, then rename it into place."""
    trial = trial_directory(building)
    shutil.rmtree(trial, ignore_errors=True)
    trial.mkdir()
    building.rename(trial / target.name)
    try:
        opens(trial, target.name)
        (trial / target.name).rename(target)
    finally:
        shutil.rmtree(trial)


def _files(directory: Path) -> list[Path]:
    return sorted(p for p in directory.rglob("*") if p.is_file() or p.is_symlink())
