"""The baseline for cached answers: FastAPI with one route that always returns the same bytes."""

from __future__ import annotations

import asyncio
import socket
import sys

import uvicorn
import uvloop
from fastapi import FastAPI, Response


def main() -> None:
    """Serve a constant body, of the size given as argument, on a free port."""
    app, body = FastAPI(), b'{"x":"' + b"x" * (int(sys.argv[1]) - 8) + b'"}'

    @app.get("/recommend")
    async def constant() -> Response:
        return Response(body, media_type="application/json")

    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, http="httptools", access_log=False, log_config=None))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
