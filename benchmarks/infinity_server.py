"""An infinity-emb reranker with a model of the student's size, and its client, for `vs_infinity`."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request


def rerank(http: str, query: str, documents: list[str]) -> float:
    """Return the seconds that the server takes to score the documents."""
    body = json.dumps({"model": "reranker", "query": query, "documents": documents}).encode()
    request = urllib.request.Request(f"{http}/rerank", body, {"Content-Type": "application/json"})  # noqa: S310
    begun = time.perf_counter()
    with urllib.request.urlopen(request) as response:  # noqa: S310
        response.read()
    return time.perf_counter() - begun


def main() -> None:
    """Serve on a free port; the argument is a directory for the model."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from text_model.base import resolve
    from text_model.packaged import PACKAGED

    directory = sys.argv[1]
    AutoModelForSequenceClassification.from_pretrained(resolve(PACKAGED), num_labels=1).save_pretrained(directory)
    AutoTokenizer.from_pretrained(resolve(PACKAGED)).save_pretrained(directory)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.environ |= {
        "INFINITY_BETTERTRANSFORMER": "false", "INFINITY_MODEL_WARMUP": "false", "INFINITY_ANONYMOUS_USAGE_STATS": "0",
    }  # fmt: skip
    from infinity_emb.cli import cli

    threading.Thread(target=_announce, args=(f"http://127.0.0.1:{port}",), daemon=True).start()
    sys.argv = ["infinity_emb", "v2", "--model-id", directory, "--served-model-name", "reranker", "--port", str(port)]
    sys.argv += ["--host", "127.0.0.1", "--engine", "torch", "--device", "cpu"]
    cli()


def _announce(http: str) -> None:
    while True:
        try:
            rerank(http, "ready", ["yes"])
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
        else:
            break
    print(http, flush=True)


if __name__ == "__main__":
    main()
