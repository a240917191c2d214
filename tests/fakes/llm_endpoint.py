"""A real HTTP server that imitates an OpenAI-compatible endpoint, with answers set by each test."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from time import sleep
from typing import Any

from pydantic import SecretStr

from corpus.files.pairs import TextPair
from prompting.endpoint import Endpoint

#: Returns status and body; bytes are sent as they are, and status 0 hangs up without a response.
Reply = Callable[[dict[str, Any]], tuple[int, Any]]
KEY = "sk-very-secret"


def completion(text: str, finish: str = "stop", refusal: str | None = None, **logprobs: Any) -> dict[str, Any]:
    """Return the body of an answer that cost 120 tokens."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": logprobs or None}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def token(text: str, others: dict[str, float] | None = None) -> dict[str, Any]:
    """Return one token with the probabilities of its alternatives."""
    listed = [
        {"token": other, "logprob": math.log(share), "bytes": list(other.encode())}
        for other, share in (others or {text: 1.0}).items()
    ]
    return {"token": text, "logprob": listed[0]["logprob"], "bytes": list(text.encode()), "top_logprobs": listed}


def scored(shares: dict[str, float], before: str = "Final score:") -> dict[str, Any]:
    """Return an answer that ends with the most likely class and lists all of `shares`."""
    best = max(shares, key=lambda other: shares[other])
    return completion(before + best, content=[token(before), token(best, shares)])


@dataclass
class Server:
    """The requests that the fake endpoint received, and its answers."""

    url: str = ""
    reply: Reply = lambda body: (200, scored({" 3": 0.7, " 4": 0.2, " 2": 0.06, " 1": 0.03, " 0": 0.01}))
    asked: list[dict[str, Any]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    blanks_s: float = 0.0  # how long blanks are sent before an answer, as some servers do while a call waits

    def endpoint(self, tmp_path: Path, **changes: Any) -> Endpoint:
        """Return an endpoint that uses this server, which asks clients to retry after one millisecond."""
        given = {"model": "m", "base_url": self.url, "key": SecretStr(KEY), "cache": tmp_path / "cache.sqlite"}
        return Endpoint(**{**given, "retries": 2, **changes})


@contextmanager
def serving() -> Iterator[Server]:
    """Run the endpoint on a free port."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with state.lock:
                state.asked.append(body)
                status, answer = state.reply(body)
            if not status:
                self.close_connection = True
                return
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            blanks = round(state.blanks_s / 0.1)
            self.send_header("content-length", str(blanks + len(data)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            with suppress(ConnectionError):
                for _ in range(blanks):
                    self.wfile.write(b" ")
                    sleep(0.1)
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{http.server_port}/v1"
        yield state
        http.shutdown()
        thread.join()


def pair(number: int = 0) -> TextPair:
    """Return a pair of pages with texts."""
    url1, url2 = f"https://a.example/{number}", f"https://b.example/{number}"
    return TextPair(url1, f"Foxes {number}", "Red ones.", url2, f"Wolves {number}", "Grey ones.")
