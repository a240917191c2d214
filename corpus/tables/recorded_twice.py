"""Drops steps of events that the site's own log of clicks already has."""

# ruff: noqa: S608 - names in the SQL come from the schema

from __future__ import annotations

import duckdb

from corpus.files.scan import PART, Source

#: Reject reason for steps of events up to the last time of the site's own clicks.
IN_LOG = "in the log of clicks"


def reject_recorded_twice(connection: duckdb.DuckDBPyConnection, clicks: Source) -> None:
    """Reject steps of events, the last part, up to the end of the site's own clicks: its log has them too."""
    events = f"ordinal // {PART} = {len(clicks.parts) - 1}"
    connection.execute(
        f"INSERT INTO wrong_clicks SELECT ordinal, '{IN_LOG}', 'time' FROM kept_clicks "
        f"WHERE {events} AND time <= (SELECT max(time) FROM kept_clicks WHERE NOT {events})"
    )
