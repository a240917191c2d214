from __future__ import annotations

import asyncio

from cascade.trace import Trace, degrade, tracing


async def test_a_part_flags_the_trace_of_its_own_request_once() -> None:
    async def request(reason: str) -> list[str]:
        trace = Trace()
        with tracing(trace):
            await asyncio.gather(part(reason), part(reason))
        return trace.degraded

    async def part(reason: str) -> None:
        await asyncio.sleep(0)
        degrade(reason)

    assert await asyncio.gather(request("one"), request("two")) == [["one"], ["two"]]


def test_outside_a_request_nothing_is_flagged() -> None:
    trace = Trace()
    with tracing(trace):
        pass
    degrade("late")
    assert trace.degraded == []
