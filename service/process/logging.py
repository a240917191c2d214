"""Log lines on stderr: text for people, or one JSON object per line for log collectors."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Literal

import orjson

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def start_log(form: Literal["text", "json"]) -> None:
    """Log warnings and errors to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class JsonLines(logging.Formatter):
    """Formats a record as a JSON object: `time` (UTC), `level`, `logger`, `message`, and `error` with the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object on one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()
