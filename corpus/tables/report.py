"""What became of the input rows, table by table: a report that fits a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from corpus.tables.identity import RESPELT
from corpus.tables.sessions import TOO_LONG

#: Reasons by which nothing is lost that a reader of the log should miss.
HARMLESS = ("duplicate", RESPELT, TOO_LONG)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The rows that one reason kept out."""

    count: int
    examples: tuple[str, ...]  # the first three: row number, column, row


@dataclass(frozen=True, slots=True)
class TableReport:
    """What became of one table: `read` = `kept` + `later` + `reloads` + all rejected."""

    file: str
    read: int
    kept: int
    later: int = 0  # left out by `until`
    reloads: int = 0  # one page twice in a row within a session
    respelt: int = 0  # of the kept: rows with a URL that is another spelling of its page's
    rejected: Mapping[str, Rejected] = field(default_factory=dict)  # by reason
    first: datetime | None = None  # of the kept rows
    last: datetime | None = None
    notes: tuple[str, ...] = ()  # what was assumed of the file, and what is odd about it

    @property
    def lost(self) -> int:
        """Rows that should have been of use."""
        return sum(rows.count for reason, rows in self.rejected.items() if reason not in HARMLESS)

    @property
    def lost_share(self) -> float:
        """Share of the rows, but for those that `until` leaves out, that should have been of use."""
        return self.lost / max(1, self.read - self.later)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the input; a table that was not given is not in `tables`."""

    tables: Mapping[str, TableReport]
    passed_over: tuple[str, ...] = ()  # a line for each file that was not read

    def as_dict(self) -> dict[str, Any]:
        """Return the report on each table as plain JSON values; times are ISO 8601 text."""
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
