"""A report per input table on kept and rejected rows, stored in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from corpus.tables.identity import RESPELT
from corpus.tables.recorded_twice import IN_LOG
from corpus.tables.sessions import TOO_LONG

#: Reject reasons that lose no useful data.
HARMLESS = ("duplicate", IN_LOG, RESPELT, TOO_LONG)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The rows rejected for one reason."""

    count: int
    examples: tuple[str, ...]  # the first three: row number, column, row


@dataclass(frozen=True, slots=True)
class TableReport:
    """The row counts of one table: `read` = `kept` + `later` + `reloads` + all rejected."""

    file: str
    read: int
    kept: int
    later: int = 0  # skipped because of `until`
    reloads: int = 0  # consecutive clicks on the same page in a session
    respelt: int = 0  # kept rows with a URL that is another spelling of its page's
    rejected: Mapping[str, Rejected] = field(default_factory=dict)  # by reason
    first: datetime | None = None  # of the kept rows
    last: datetime | None = None
    notes: tuple[str, ...] = ()  # assumptions about the file, and anomalies in it

    @property
    def lost(self) -> int:
        """The number of rows whose rejection loses data."""
        return sum(rows.count for reason, rows in self.rejected.items() if reason not in HARMLESS)

    @property
    def lost_share(self) -> float:
        """`lost` as a share of all rows except those skipped because of `until`."""
        return self.lost / max(1, self.read - self.later)


@dataclass(frozen=True, slots=True)
class Report:
    """The reports on all tables that were given."""

    tables: Mapping[str, TableReport]
    ignored_files: tuple[str, ...] = ()  # a message for each ignored file

    def as_dict(self) -> dict[str, Any]:
        """Return the reports as plain JSON values; times are ISO 8601 text."""
        return {
            name: {
                **asdict(table),
                "rejected": {
                    reason: {"count": rows.count, "examples": list(rows.examples)}
                    for reason, rows in table.rejected.items()
                },
                "first": table.first.isoformat() if table.first else None,
                "last": table.last.isoformat() if table.last else None,
                "notes": list(table.notes),
            }
            for name, table in self.tables.items()
        }
