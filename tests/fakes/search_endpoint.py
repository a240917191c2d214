"""A real HTTP server that imitates OpenSearch, Brave and Tavily, with answers set by each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson

from recall.qprime.config import EngineName
from recall.qprime.engines.opening import open_engine
from recall.qprime.engines.remote import RemoteEngine

KEY = "sk-very-secret"
PATHS = {"opensearch": "", "brave": "/res/v1/web/search", "tavily": "/search"}
START = 1_700_000_000.0  # seconds since 1970


class Asked(NamedTuple):
    """One request, as read by the server."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: Any  # the parameters of a GET, the JSON of a POST, the list of lines of a multi-search
    queries: list[str]


class Refusal(NamedTuple):
    """An answer without hits, to be retried at once."""

    status: int
    body: bytes = b"{}"
    retry_after: str = "0"


def _no_refusal(asked: Asked) -> Refusal | None:
    return None


def _two_pages(query: str) -> list[tuple[Any, Any]]:
    return [(f"https://a.example/{query}", 4.0), (f"https://b.example/{query}", 2.0)]


@dataclass
class Server:
    """The requests that the fake provider received, and its answers."""

    url: str = ""
    find: Callable[[str], list[tuple[Any, Any]]] = _two_pages  # URLs and scores, best first
    refuse: Callable[[Asked], Refusal | None] = _no_refusal
    asked: list[Asked] = field(default_factory=list)
    released: Event = field(default_factory=Event)  # set at the end, to release hanging requests
    lock: Lock = field(default_factory=Lock)

    def environ(self, engine: EngineName, tmp_path: Path, **changes: Any) -> dict[str, str]:
        """Return the environment variables of an engine that uses this server."""
        given = {"url": self.url + PATHS[engine], "key": KEY, "store": tmp_path / "searches.sqlite", "retries": 2}
        given |= {"per_second": 10_000} | ({"index": "pages"} if engine == "opensearch" else {})
        return {f"ONWARD_SEARCH_{name.upper()}": str(value) for name, value in {**given, **changes}.items()}

    def engine(
        self, name: EngineName, tmp_path: Path, clock: Callable[[], float] = lambda: START, **changes: Any
    ) -> RemoteEngine:
        """Return an engine that uses this server."""
        engine = open_engine(name, environ=self.environ(name, tmp_path, **changes), clock=clock)
        assert isinstance(engine, RemoteEngine)
        return engine

    def queries(self) -> list[str]:
        """Return the queries received, in order."""
        return [query for asked in self.asked for query in asked.queries]


def _read(path: str, headers: dict[str, str], data: bytes) -> Asked:
    address = urlsplit(path)
    if address.path.endswith("/_msearch"):
        lines = [orjson.loads(line) for line in data.splitlines()]
        return Asked(address.path, headers, lines, [line["query"]["multi_match"]["query"] for line in lines[1::2]])
    body = orjson.loads(data) if data else {name: values[0] for name, values in parse_qs(address.query).items()}
    return Asked(address.path, headers, body, [body["query"] if data else body["q"]])


def search_response(found: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Return one response of a multi-search."""
    hits = [{"_id": f"id:{url}", "_score": score, "_source": {"url": url}} for url, score in found]
    shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
    return {"took": 1, "timed_out": False, "_shards": shards, "hits": {"max_score": 1.0, "hits": hits}, "status": 200}


def _answer(asked: Asked, find: Callable[[str], list[tuple[Any, Any]]]) -> bytes:
    found = [find(query) for query in asked.queries]
    if asked.path.endswith("/_msearch"):
        sizes = [line["size"] for line in asked.body[1::2]]
        responses = [search_response(each[:size]) for each, size in zip(found, sizes, strict=True)]
        return orjson.dumps({"took": 1, "responses": responses})
    if asked.path == PATHS["brave"]:
        results = [{"type": "search_result", "title": "t", "url": url} for url, _ in found[0]]
        web = {"web": {"type": "search", "results": results[: int(asked.body["count"])]}} if results else {}
        return orjson.dumps({"type": "search", "query": {"original": asked.queries[0]}, **web})
    results = [{"title": "t", "url": url, "content": "c", "score": score} for url, score in found[0]]
    return orjson.dumps({"query": asked.queries[0], "results": results[: asked.body["max_results"]]})


@contextmanager
def serving() -> Iterator[Server]:
    """Run the provider on a free port."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length", 0)))
            asked = _read(self.path, {name.lower(): value for name, value in self.headers.items()}, data)
            with state.lock:
                state.asked.append(asked)
                refusal = state.refuse(asked)
            status, body, retry_after = refusal or Refusal(200, _answer(asked, state.find), "")
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body) or 1))
            if retry_after:
                self.send_header("retry-after", retry_after)
            self.end_headers()
            if body:
                self.wfile.write(body)
            else:
                state.released.wait(5)  # an answer without a body never ends

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield state
        finally:
            state.released.set()
            http.shutdown()
            thread.join()
