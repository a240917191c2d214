"""Time formats found in logs."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import duckdb
import pytest

from corpus.times import from_number, from_text

NINE = datetime(2026, 5, 1, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def value(connection: duckdb.DuckDBPyConnection, sql: str, of: object) -> datetime | None:
    [(found,)] = connection.execute(f"SELECT epoch_us({sql}) FROM (SELECT ? AS x)", [of]).fetchall()
    return None if found is None else datetime.fromtimestamp(found / 1e6, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "20260501T090000Z", "20260501T090000", "20260501 090000Z", "20260501T110000+0200", "20260501T0900Z",
        "20260501T090000.000Z", "20260501T090000,000Z", "2026-05-01T09:00:00,000Z", "2026-05-01 09:00:00,000",
        "2026-05-01 09:00:00 +0000", "2026-05-01 11:00:00 +02:00", "2026-05-01T05:00:00 -04", "2026-05-01 09:00:00 UTC",
        "2026-05-01 09:00:00 GMT", "2026-05-01 09:00:00 Z", "2026-05-01t09:00:00z", "2026-05-01T09", "2026-05-01 09:00",
        "2026-05-01T09Z", "2026/05/01 09:00:00", "May 1, 2026 09:00:00", "May 1, 2026, 9:00:00 AM",
        "01-May-2026 09:00:00", "Fri May  1 09:00:00 2026", "Friday, May 1, 2026 09:00:00",
        "Fri, 01 May 2026 11:00:00 +0200", "Fri, 01 May 2026 09:00:00 GMT", "01/May/2026:09:00:00 +0000",
        "1 May 2026 09:00:00", "01.05.2026 09:00",
    ],
)  # fmt: skip
def test_common_log_formats_are_read_as_times(text: str, connection: duckdb.DuckDBPyConnection) -> None:
    assert value(connection, from_text("x"), text) == NINE


@pytest.mark.parametrize("text", ["2026-05-01", "Friday, May 1, 2026", "May 1, 2026", "01.05.2026"])
def test_a_date_without_a_time_is_midnight(text: str, connection: duckdb.DuckDBPyConnection) -> None:
    assert value(connection, from_text("x"), text) == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["infinity", "05/01/2026", "yesterday", "2026", "20261301T090000Z", "2026-02-30"])
def test_ambiguous_text_is_not_a_time(text: str, connection: duckdb.DuckDBPyConnection) -> None:
    assert value(connection, from_text("x"), text) is None


@pytest.mark.parametrize(
    ("unit", "scale"), [("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9)]
)
def test_numbers_are_times_only_in_their_unit(unit: str, scale: int, connection: duckdb.DuckDBPyConnection) -> None:
    number = float(int(NINE.timestamp()) * scale)
    assert value(connection, from_number("x", unit), number) == NINE
    assert value(connection, from_number("x", None), number) == NINE
    other = "milliseconds" if unit == "seconds" else "seconds"
    assert value(connection, from_number("x", other), number) is None


@pytest.mark.parametrize(("number", "hour"), [(20260501.0, 0), (20260501090000.0, 9)])
def test_digits_that_form_a_date_are_read_as_a_date(
    number: float, hour: int, connection: duckdb.DuckDBPyConnection
) -> None:
    assert value(connection, from_number("x", "seconds"), number) == datetime(2026, 5, 1, hour, tzinfo=UTC)


@pytest.mark.parametrize("number", [0.0, 12.0, 46143.375, 202605010900.0, 20261350.0])
def test_an_ambiguous_number_is_not_a_time(number: float, connection: duckdb.DuckDBPyConnection) -> None:
    assert value(connection, from_number("x", None), number) is None
