"""Ratings of the explorer become labels of the next build."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.urls.url import page_id
from pipeline.build import build
from service.bootstrap import load
from service.settings import read_settings
from tests.conftest import CONFIG, PATIENT, Tiny
from tests.service.explorer.conftest import running


async def test_a_rated_pair_is_an_input_label_of_the_next_build(tiny: Tiny, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(tiny.data, data)
    pair = {"url1": tiny.urls[3], "url2": tiny.urls[70]}
    settings = read_settings(None, [*PATIENT, f"explorer.labels={data / 'labels'}"], {})
    async with running(load(tiny.bundles, settings)) as address, httpx.AsyncClient(base_url=address) as http:
        assert (await http.post("/explorer/labels", json={**pair, "quality": 4})).status_code == 200

    bundles = tiny.link(tmp_path / "bundles", work=True)
    build(data, bundles, CONFIG, only=["labels"])
    labels = pq.read_table(bundles / "work" / "labels" / "labels.parquet")
    page1, page2 = (pa.scalar(page_id(pair[name]), pa.uint64()) for name in ("url1", "url2"))
    (row,) = labels.filter((pc.field("page1") == page1) & (pc.field("page2") == page2)).to_pylist()
    assert (row["quality"], row["source"]) == (4, "input")
