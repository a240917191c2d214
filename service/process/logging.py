"""Log lines on stderr: text for people, one JSON object a line for collectors."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Literal

import orjson

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def start_log(form: Literal["text", "json"]) -> None:
    """Write warnings and worse to stderr, a line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class JsonLines(logging.Formatter):
    """Makes one JSON object of a record: `time` (UTC), `level`, `logger`, `message`, and `error` with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object, without a line break in it."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()
