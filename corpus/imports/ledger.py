"""Counts what an import read, kept and left out, with an example of each reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_REASONS = 40  # counted by name; further ones are counted together
_OTHER = "other reasons"
_VALUE = 120  # characters of an example


@dataclass(slots=True)
class Ledger:
    """What one run of an importer did: `read` = `kept` + all that is left out."""

    read: int = 0
    kept: Counter[str] = field(default_factory=Counter)  # kind of record -> count
    left_out: Counter[str] = field(default_factory=Counter)  # reason -> count
    examples: dict[str, str] = field(default_factory=dict)  # reason -> file, place, field and value
    files: int = 0
    unread: list[str] = field(default_factory=list)  # messages about files that were not read to their end
    notes: list[str] = field(default_factory=list)

    def keep(self, kind: str) -> None:
        """Count a record that is used."""
        self.read += 1
        self.kept[kind] += 1

    def leave(self, reason: str, place: str, name: str = "", value: str = "") -> None:
        """Count a record that is not used, and remember the first of its reason."""
        self.read += 1
        if reason not in self.left_out and len(self.left_out) >= _REASONS:
            reason = _OTHER
        self.left_out[reason] += 1
        if reason not in self.examples:
            shown = value if len(value) <= _VALUE else f"{value[:_VALUE]}…"
            self.examples[reason] = f"{place}{f', {name}' if name else ''}{f': {shown!r}' if value else ''}"

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        left = {
            reason: {"count": count, "example": self.examples[reason]} for reason, count in self.left_out.most_common()
        }
        return {
            "files": self.files,
            "read": self.read,
            "kept": dict(self.kept),
            "left_out": left,
            "unread": self.unread,
            "notes": self.notes,
        }
