"""What live rules cost: reading them, the check of a cached answer, and one list at the last step.

`python -m benchmarks.rules --bundles DIR` prints microseconds (minimum of many runs) for 0, 100 and 10,000 rules.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from cascade.trace import Trace
from cascade.types import Query
from service.answers.answer import Terms
from service.answers.stored_lists import StoredLists
from service.bootstrap import load
from service.rules.reading import parse
from service.settings import read_settings

_RUNS = 300
_EACH = (
    '[[rule]]\naction = "block"\nurl = "https://blocked.example/{0}"\n'
    '[[rule]]\naction = "block"\nhost = "*.spam{0}.example"\n'
    '[[rule]]\naction = "boost"\npattern = "news{0}.example/tag/*"\nby = 1\n'
    '[[rule]]\naction = "bury"\npattern = "www.garden.example/none{0}/*"\nby = 1\n'
)


def least_us(work: Callable[[], object], runs: int = _RUNS) -> float:
    """Return the least microseconds that the work took."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1e6 * min(times)


async def measure(bundles: Path, count: int) -> dict[str, float]:
    """Return the times with so many rules."""
    gateway = load(bundles, read_settings(None, ["unknown.most=0"], {}))
    bundle, text = gateway.live.bundle, "".join(_EACH.format(number) for number in range(count // 4))
    rules = parse(text, "rules")
    taken = least_us(lambda: parse(text, "rules"), 1)
    assert gateway.rules is not None  # noqa: S101 -- `load` opens it
    in_force = gateway.rules.rules
    put = least_us(lambda: in_force.replace("file", rules, bundle.addresses.rules), 1)
    query = bundle.cascade.dated(Query(*bundle.addresses.locate(bundle.warmup[0])))
    stored = StoredLists().here(bundle, query)
    assert stored is not None, "the bundle stores no answers"  # noqa: S101
    rows = stored.candidates(bundle.pages)
    first = least_us(lambda: bundle.steering.steer(query, rows, Trace()), 1)
    warm = least_us(lambda: bundle.steering.steer(query, rows, Trace()))
    terms = Terms(bundle.steering.rules.current.version)
    figures = {
        "read and check the file": taken,
        "put in force": put,
        f"a list of {len(rows)}, pages not seen before": first,
        f"a list of {len(rows)}, pages seen before": warm,
        "a cached answer": least_us(lambda: bundle.stands(terms), 20_000),
    }
    await gateway.close()
    return figures


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundles", type=Path, required=True)
    bundles = parser.parse_args().bundles
    columns = {count: asyncio.run(measure(bundles, count)) for count in (0, 100, 10_000)}
    print("| µs | " + " | ".join(f"{count:,} rules" for count in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{found[name]:,.1f}" for found in columns.values()) + " |")


if __name__ == "__main__":
    main()
