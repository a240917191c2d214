"""What became of the input rows, table by table: a report that fits a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


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


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the input; a table that was not given is not in `tables`."""

    tables: Mapping[str, TableReport]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values; times are ISO 8601 text."""
        return {
            name: {
                **asdict(table),
                "rejected": {
                    reason: {"count": rows.count, "examples": list(rows.examples)}
                    for reason, rows in table.rejected.items()
                },
                "first": table.first.isoformat() if table.first else None,
                "last": table.last.isoformat() if table.last else None,
            }
            for name, table in self.tables.items()
        }
