"""The baseline for uncached answers: a quick implementation with the same components.

FastAPI, FAISS over the two-tower vectors, and sentence-transformers' CrossEncoder of the student's size over the texts
of thirty candidates. No deadline, no cache, no features.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import faiss
import numpy as np
import uvicorn
from fastapi import FastAPI
from sentence_transformers import CrossEncoder
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from store import page_row
from store.bundle import open_bundle
from store.tables import LmdbTable
from text_model.base import resolve
from text_model.packaged import PACKAGED

_PAIRS = 30


def main() -> None:
    """Serve a bundle with the naive implementation, on a free port."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path)
    options = parser.parse_args()
    bundle = open_bundle(options.bundles)
    texts = {}
    for page, row in LmdbTable(bundle.file("tables/pages.lmdb")).items():
        text = page_row.read_text(row)
        texts[page] = (text.url, f"{text.title} {text.snippet}")
    of_url = {url: page for page, (url, _) in texts.items()}
    index = faiss.read_index(str(bundle.file("two_tower/pages.faiss")))
    pages = np.load(bundle.file("two_tower/pages.pages.npy"))
    with tempfile.TemporaryDirectory() as directory:  # a cross-encoder of the student's size takes the same time
        model = AutoModelForSequenceClassification.from_pretrained(resolve(PACKAGED), num_labels=1)
        model.save_pretrained(directory)
        AutoTokenizer.from_pretrained(resolve(PACKAGED)).save_pretrained(directory)
        encoder = CrossEncoder(directory, max_length=2 * bundle.manifest.config["text"]["tokens_per_page"] + 4)
    app = FastAPI()

    @app.get("/recommend")
    def recommend(url1: str) -> dict[str, object]:
        page = of_url[url1]
        row = int(np.searchsorted(pages, np.uint64(page)))
        _, rows = index.search(index.reconstruct(row).reshape(1, -1), _PAIRS + 1)
        found = [int(pages[r]) for r in rows[0] if r >= 0 and r != row][:_PAIRS]
        scores = encoder.predict([(texts[page][1], texts[other][1]) for other in found])
        best = np.argsort(-scores)[:5]
        return {"recommendations": [{"url": texts[found[i]][0], "score": float(scores[i])} for i in best]}

    import socket

    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None)).run(sockets=[listening])


if __name__ == "__main__":
    main()
