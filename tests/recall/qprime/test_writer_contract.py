"""Every query writer keeps the rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import llm_endpoint
import pytest
import tiny_causal

from contracts.query_writer import QueryWriterContract
from recall.qprime.writers.information_need import InformationNeed, InformationNeedWriter
from recall.qprime.writers.key_phrases import KeyPhraseWriter
from recall.qprime.writers.llm import LlmQueryWriter
from recall.qprime.writers.writer import PageWords, QueryWriter
from text_model.causal import FALLBACK_TEMPLATE


class TestKeyPhrases(QueryWriterContract):
    @pytest.fixture
    def writer(self, pages: list[PageWords]) -> QueryWriter:
        return KeyPhraseWriter.fit([*pages, *pages])  # a word of one page alone finds no other page


@pytest.fixture(scope="module")
def tiny_model_writer() -> InformationNeedWriter:
    tokenizer = tiny_causal.tokenizer()
    tokenizer.chat_template = FALLBACK_TEMPLATE
    model = tiny_causal.model("llama", len(tokenizer))
    return InformationNeedWriter(model, tokenizer, InformationNeed(queries=2, tokens=12))


class TestInformationNeed(QueryWriterContract):
    @pytest.fixture
    def writer(self, tiny_model_writer: InformationNeedWriter) -> QueryWriter:
        return tiny_model_writer


class TestLlm(QueryWriterContract):
    @pytest.fixture
    def writer(self, tmp_path: Path) -> Any:
        def reply(body: Any) -> tuple[int, Any]:
            animal = "fox" if "Red fox" in body["messages"][0]["content"] else "owl"
            texts = [f"{animal} diet", f"when do young {animal} pups leave home", f"{animal} diet"]
            texts += [f"{animal} topic{number} word{number}" for number in range(15)]
            entries = [{"query": text, "relevance": number / 20} for number, text in enumerate(texts)]
            return 200, llm_endpoint.completion(json.dumps(entries))

        with llm_endpoint.serving() as server:
            server.reply = reply
            yield LlmQueryWriter(server.endpoint(tmp_path))
