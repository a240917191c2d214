"""The baseline for cached answers: an ASGI application of one function, which always sends the same response."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
import uvloop


def main() -> None:
    """Serve the response in the file given as argument, on a free port."""
    head, _, body = Path(sys.argv[1]).read_bytes().partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")[1:]
    headers = [line.split(b": ", 1) for line in lines if not line.startswith(b"date:")]  # the server adds the date

    async def constant(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        constant, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None, server_header=False
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
