"""Parses a Redis URL: a single server, a Sentinel master or a cluster, with TLS and credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_FORMS = (
    "use redis://host:6379/0, unix:///path/to/socket, redis+sentinel://host:26379,host2:26379/service/0 "
    "or redis+cluster://host:6379,host2:6379; rediss instead of redis for TLS"
)
_PORTS = {"one": 6379, "sentinel": 26379, "cluster": 6379}
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS = (*_FILES, "ssl_check_hostname", "ssl_cert_reqs")
_SENTINEL = ("sentinel_username", "sentinel_password")
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class RedisUrlError(ValueError):
    """An invalid Redis URL; the message names the option and the fix, and contains no secrets."""

    def __init__(self, problem: str, fix: str = _FORMS) -> None:
        super().__init__(f"--redis: {problem}: {fix}")


class Kind(StrEnum):
    """The kind of deployment at an address."""

    ONE = "one"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is; `login` and `sentinel_login` are secrets and are not shown by `repr` or `str`."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    socket: str = ""
    service: str = ""  # the master's name in Sentinel
    db: int = 0
    login: dict[str, str] = field(default_factory=dict, repr=False)
    sentinel_login: dict[str, str] = field(default_factory=dict, repr=False)
    tls: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the address for logs, without secrets."""
        if self.socket:
            return self.socket
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{self.service} at {hosts}" if self.service else hosts


def parse(url: str) -> RedisAddress:
    """Parse a URL. Raises RedisUrlError."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise RedisUrlError("not a valid URL") from None
    if parts.fragment:
        raise RedisUrlError("unexpected text after #", "write # in a password as %23")
    if parts.scheme == "unix":
        return _unix(parts)
    secure, kind = _scheme(parts.scheme)
    user, _, hosts = parts.netloc.rpartition("@")
    query = _query(parts, (*_TLS, *(_SENTINEL if kind is Kind.SENTINEL else ())))
    if not secure and (given := sorted(query.keys() & set(_TLS))):
        raise RedisUrlError(f"{given[0]} requires a TLS scheme", f"start the URL with {_secure(parts.scheme)}")
    service, db = _path(parts.path, kind)
    places = tuple(_host(part, _PORTS[kind]) for part in hosts.split(","))
    if kind is Kind.ONE and len(places) > 1:
        raise RedisUrlError(
            "several hosts in the URL of a single server", "start with redis+sentinel:// or redis+cluster://"
        )
    return RedisAddress(
        kind,
        places,
        service=service,
        db=db,
        login=_login(user),
        sentinel_login={name.removeprefix("sentinel_"): query[name] for name in _SENTINEL if name in query},
        tls={"ssl": True, **_tls(query)} if secure else {},
    )


def _scheme(scheme: str) -> tuple[bool, Kind]:
    protocol, _, kind = scheme.partition("+")
    if protocol not in ("redis", "rediss") or kind not in ("", "sentinel", "cluster"):
        raise RedisUrlError(f"unsupported URL scheme {scheme}" if scheme else "the URL has no scheme")
    return protocol == "rediss", Kind(kind or "one")


def _secure(scheme: str) -> str:
    return scheme.replace("redis", "rediss", 1) + "://"


def _unix(parts: SplitResult) -> RedisAddress:
    query = _query(parts, ("db",))
    user = parts.netloc.rpartition("@")[0]
    return RedisAddress(Kind.ONE, socket=unquote(parts.path), db=_db(query.get("db", "0")), login=_login(user))


def _query(parts: SplitResult, known: tuple[str, ...]) -> dict[str, str]:
    query = dict(parse_qsl(parts.query))
    if unknown := sorted(query.keys() - set(known)):
        name = f" {unknown[0]}" if unknown[0].isidentifier() else ""  # a ? in a password leads here
        raise RedisUrlError(f"unknown option{name}", f"valid options are {', '.join(known)}")
    return query


def _host(text: str, port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", port if parts.port is None else parts.port
    except ValueError:
        host = ""
    if not host:
        raise RedisUrlError("invalid host or port", f"write /, ? and # in a password as %2F, %3F, %23; {_FORMS}")
    return unquote(host), port


def _login(user: str) -> dict[str, str]:
    name, colon, password = user.partition(":")
    login = {"username": unquote(name)} if name else {}
    return {**login, "password": unquote(password)} if colon else login


def _path(path: str, kind: Kind) -> tuple[str, int]:
    parts = [unquote(part) for part in path.split("/") if part]
    service = ""
    if kind is Kind.SENTINEL:
        if not parts:
            raise RedisUrlError("the service name is missing", "add it after the hosts, such as /mymaster/0")
        service = parts.pop(0)
    if len(parts) > 1:
        raise RedisUrlError("unexpected text after the database number")
    db = _db(parts[0] if parts else "0")
    if kind is Kind.CLUSTER and db:
        raise RedisUrlError("a cluster has no database numbers", "remove the number")
    return service, db


def _db(text: str) -> int:
    if not text.isdecimal():
        raise RedisUrlError("the database is not a number")  # not quoted: a / in a password leads here
    return int(text)


def _tls(query: dict[str, str]) -> dict[str, Any]:
    tls: dict[str, Any] = {name: query[name] for name in _TLS if name in query}
    for name in _FILES:
        if name in tls and not Path(tls[name]).is_file():
            raise RedisUrlError(f"{name}: {tls[name]} is not a file", "give the path of an existing file")
    if (verify := tls.get("ssl_cert_reqs", "required")) not in ("required", "optional", "none"):
        raise RedisUrlError(f"ssl_cert_reqs is {verify}", "use required, optional or none")
    if (check := tls.get("ssl_check_hostname")) is not None:
        if check.lower() not in _YES_NO:
            raise RedisUrlError(f"ssl_check_hostname is {check}", "use true or false")
        tls["ssl_check_hostname"] = _YES_NO[check.lower()]
    return tls
