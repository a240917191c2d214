from __future__ import annotations

import httpx
import pytest

from service.bootstrap import load
from service.http.admin import make_admin_app
from service.http.app import make_app


@pytest.fixture
async def gateway(tiny, tmp_path, patient):
    tiny.link(tmp_path / "bundles")
    running = load(tmp_path / "bundles", patient)
    yield running
    await running.close()


def client(app) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


async def test_a_refused_bundle_is_a_409_problem_that_names_the_reason(gateway) -> None:
    async with client(make_admin_app(gateway)) as admin:
        answer = await admin.post("/admin/bundle", json={"name": "20260101T000000Z-00000000"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:onward:problem:bundle-refused-files")
    assert "holds no bundle" in answer.json()["detail"]


async def test_swapping_to_the_live_bundle_changes_nothing(gateway) -> None:
    async with client(make_admin_app(gateway)) as admin:
        answer = await admin.post("/admin/bundle", json={"name": gateway.bundle})
    assert answer.json() == {"bundle": gateway.bundle, "before": gateway.bundle}


@pytest.mark.parametrize("body", [{}, {"name": 7}, {"name": "x", "forced": True}, {"name": "x" * 65}])
async def test_an_invalid_swap_request_is_a_422_problem(gateway, body) -> None:
    async with client(make_admin_app(gateway)) as admin:
        assert (await admin.post("/admin/bundle", json=body)).status_code == 422


async def test_the_public_port_has_no_swap_route(gateway) -> None:
    async with client(make_app(gateway)) as public:
        assert (await public.post("/admin/bundle", json={"name": gateway.bundle})).status_code == 404
