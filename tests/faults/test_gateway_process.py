from __future__ import annotations

from gateway_process import gateway
from load import open_loop


async def test_a_whole_gateway_answers_every_request_of_an_open_loop(tiny, tmp_path) -> None:
    tiny.link(tmp_path / "bundles")
    with gateway(tmp_path / "bundles", settings=["budget_ms=5000"]) as running:
        replies = await open_loop(running.http, tiny.urls[:20], rate=40, seconds=1.0)
        assert running.leave() == 0
    assert len(replies) == 40
    assert replies.share(lambda reply: reply.status == 200 and len(reply.body["recommendations"]) == 5) == 1.0
