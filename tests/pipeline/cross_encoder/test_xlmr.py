"""A build whose text encoder, teachers and student are an XLM-R, in French."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tiny_xlmr import write_tiny_xlmr

from pipeline.build import build
from pipeline.config import BuildConfig
from pipeline.cross_encoder.student_files import EXPORTED
from ranking.cross_encoder.pairs import WHOLE, open_pair_model
from tests.conftest import CONFIG
from text_model.tokens import PageTokenizer

_TEXT = "farine levure four pâte croûte pétrir levain miche vélo roue guidon selle chaîne pneu frein cadre"
WORDS = _TEXT.split()


def test_teachers_and_student_are_built_from_it(tmp_path: Path) -> None:
    base = str(write_tiny_xlmr(tmp_path / "xlmr"))
    generator = np.random.default_rng(0)
    titles = [" ".join(generator.choice(WORDS[8 * (n % 2) : 8 + 8 * (n % 2)], 4)) for n in range(60)]
    urls = [f"https://a.example/{number}" for number in range(60)]
    (tmp_path / "data").mkdir()
    table = {"url": urls, "title": titles, "snippet": titles[::-1], "language": ["fr"] * 60}
    pq.write_table(pa.table(table), tmp_path / "data" / "pages.parquet")
    changed = {
        "text": {"base": base, "tokens_per_page": 10},
        "teachers": {"click_steps": 5, "quality_steps": 5, "pool": 200, "joint_layers": 2},
        "cross_encoder": {"distil": True, "steps": 5, "layers": 2, "joint_layers": 2},
    }
    config = BuildConfig.model_validate(CONFIG.model_dump() | changed)
    build(tmp_path / "data", tmp_path / "bundles", config, only=["student"])
    work = tmp_path / "bundles" / "work"
    assert {"click.onnx", "quality.onnx"} <= {path.name for path in (work / "teachers").iterdir()}
    assert (work / "student" / EXPORTED / WHOLE).is_file()  # all layers read both pages, with two </s> between them
    tokenizer = PageTokenizer(work / "text" / "tokenizer.json", 10)
    ids, _ = tokenizer.encode(urls, titles, titles[::-1])
    click, quality = open_pair_model(work / "student" / EXPORTED, tokenizer.marks).run(ids[:1], ids[1:20])
    assert np.isfinite(click).all()
    assert np.isfinite(quality).all()
