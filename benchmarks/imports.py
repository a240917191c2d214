"""Time and memory of `onward import ga4`, on JSON lines of invented events: memory should not grow with the file.

`python -m benchmarks.imports EVENTS`
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from corpus.imports.run import import_files

_PAGES, _VIEWS_A_SESSION = 20_000, 4
_PADDING = "x" * 900  # what an event has besides: device, geo, traffic source


def main(count: int) -> None:
    """Write a file of so many page views, import it, and print figures."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "events.json"
        with file.open("w") as target:
            target.writelines(json.dumps(_event(number)) + "\n" for number in range(count))
        start = time.process_time()
        made = import_files("ga4", [file], Path(name) / "data").tables
        seconds, megabytes = time.process_time() - start, file.stat().st_size / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{count:,} events, {megabytes:.0f} MB: {seconds:.1f} s of CPU, peak {peak:.0f} MB, {made.clicks:,} clicks")


def _event(number: int) -> dict[str, object]:
    page, session = number * 7919 % _PAGES, number // _VIEWS_A_SESSION
    params = {
        "ga_session_id": {"int_value": str(session)},
        "page_location": {"string_value": f"https://www.site.example/page-{page}"},
        "page_title": {"string_value": f"Page {page}"},
    }
    return {
        "event_timestamp": str((1_777_626_000 + number) * 1_000_000),
        "event_name": "page_view",
        "event_params": [{"key": key, "value": value} for key, value in params.items()],
        "user_pseudo_id": f"reader.{session}",
        "padding": _PADDING,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))
