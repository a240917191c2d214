from __future__ import annotations

from pathlib import Path

import pytest

from store.redis.url import Kind, RedisAddress, RedisUrlError, parse


def test_a_server_has_a_host_a_port_and_a_database() -> None:
    address = parse("redis://cache.example:6380/3")
    assert (address.kind, address.hosts, address.db, address.tls) == (Kind.ONE, (("cache.example", 6380),), 3, {})


def test_ports_and_the_database_have_defaults() -> None:
    assert parse("redis://cache.example") == RedisAddress(Kind.ONE, (("cache.example", 6379),))
    assert parse("redis+sentinel://a,b/main").hosts == (("a", 26379), ("b", 26379))


def test_user_and_password_are_unquoted() -> None:
    assert parse("redis://me:p%40s%2Fs@host").login == {"username": "me", "password": "p@s/s"}
    assert parse("redis://:secret@host").login == {"password": "secret"}


def test_sentinels_name_a_service_and_have_their_own_login() -> None:
    address = parse("redis+sentinel://me:one@a:1,[::1]:2/main/4?sentinel_password=two")
    assert (address.kind, address.hosts, address.service, address.db) == (
        Kind.SENTINEL, (("a", 1), ("::1", 2)), "main", 4,
    )  # fmt: skip
    assert (address.login, address.sentinel_login) == ({"username": "me", "password": "one"}, {"password": "two"})


def test_a_cluster_url_names_some_of_its_nodes() -> None:
    address = parse("redis+cluster://a:1,b:2")
    assert (address.kind, address.hosts) == (Kind.CLUSTER, (("a", 1), ("b", 2)))


@pytest.mark.parametrize("scheme", ["rediss", "rediss+sentinel", "rediss+cluster"])
def test_tls_options_set_a_ca_and_a_certificate(scheme: str, tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).touch()
    path = "/main" if scheme == "rediss+sentinel" else ""
    query = f"ssl_ca_certs={tmp_path}/ca&ssl_certfile={tmp_path}/cert&ssl_keyfile={tmp_path}/key"
    address = parse(f"{scheme}://host{path}?{query}&ssl_check_hostname=no")
    assert address.tls == {
        "ssl": True,
        "ssl_ca_certs": f"{tmp_path}/ca",
        "ssl_certfile": f"{tmp_path}/cert",
        "ssl_keyfile": f"{tmp_path}/key",
        "ssl_check_hostname": False,
    }


def test_a_unix_socket_is_a_path() -> None:
    address = parse("unix:///run/redis.sock?db=2")
    assert (address.socket, address.db) == ("/run/redis.sock", 2)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://host", "unsupported URL scheme http"),
        ("host:6379", "unsupported URL scheme host"),
        ("redis+ring://host", "unsupported URL scheme redis+ring"),
        ("redis://host:port", "invalid host or port"),
        ("redis://:6379", "invalid host or port"),
        ("redis://[::1", "not a valid URL"),
        ("redis://a,b", "several hosts in the URL of a single server"),
        ("redis://host/main", "the database is not a number"),
        ("redis://host/0/1", "unexpected text after the database number"),
        ("redis+sentinel://host", "the service name is missing"),
        ("redis+cluster://host/1", "a cluster has no database numbers"),
        ("redis://host?socket_timeout=60", "unknown option socket_timeout"),
        ("redis://host?ssl_ca_certs=ca.pem", "ssl_ca_certs requires a TLS scheme"),
        ("rediss://host?ssl_ca_certs=nowhere.pem", "ssl_ca_certs: nowhere.pem is not a file"),
        ("rediss://host?ssl_cert_reqs=perhaps", "ssl_cert_reqs is perhaps"),
        ("rediss://host?ssl_check_hostname=perhaps", "ssl_check_hostname is perhaps"),
    ],
)
def test_the_error_for_an_invalid_url_names_the_option_the_problem_and_the_fix(url: str, problem: str) -> None:
    with pytest.raises(RedisUrlError) as raised:
        parse(url)
    assert str(raised.value).startswith(f"--redis: {problem}: ")


@pytest.mark.parametrize(
    "url",
    [
        "redis://me:hunter2@",
        "redis+sentinel://me:hunter2@a:b/main",
        "redis://me:hunter2@host/x",
        "redis://me:a/hunter2@host",
        "redis://me:1/hunter2/hunter2@host",
        "redis://me:1?@hunter2=@host",
        "redis://me:1#hunter2@host",
    ],
)
def test_no_error_contains_a_password(url: str) -> None:
    with pytest.raises(RedisUrlError) as raised:
        parse(url)
    assert "hunter2" not in f"{raised.value!r} {raised.value}"


def test_no_text_of_an_address_contains_a_password() -> None:
    address = parse("redis+sentinel://me:hunter2@a:1/main?sentinel_password=hunter2")
    assert "hunter2" not in f"{address!r} {address}"
    assert str(address) == "main at a:1"
