"""`onward llm serve` with a tiny model: llama.cpp itself, over HTTP."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from llm_endpoint import pair
from ports import free_port

from configs.reading import SettingsError
from prompting.endpoint import Endpoint, read_endpoint
from prompting.judge import LlmJudge
from prompting.judge_prompt import load_prompt
from prompting.local.server import LocalServer, check_free
from prompting.local.weights import name_of

gguf = pytest.importorskip("gguf")  # the extra `llm`
pytest.importorskip("xllamacpp")
COMMAND = [sys.executable, "-c", "from cli.main import main; main()", "llm", "serve"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tiny_gguf

    return tiny_gguf.save(tmp_path_factory.mktemp("weights") / "tiny.gguf")


@pytest.fixture(scope="module")
def endpoint(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The endpoint that the printed variables name."""
    options = ["--model", str(weights), "--port", str(free_port()), "--context", "1024", "--threads", "1"]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        given = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        found = read_endpoint(given)
        assert found is not None
        yield found.model_copy(update={"cache": tmp_path_factory.mktemp("answers") / "answers.sqlite"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_variables_name_the_model_with_its_hash_and_its_calls_at_once(endpoint: Endpoint, weights: Path) -> None:
    assert (endpoint.model, endpoint.concurrency) == (name_of(weights), 4)
    assert endpoint.base_url.startswith("http://127.0.0.1:")


def test_a_model_with_random_weights_answers_in_form(endpoint: Endpoint) -> None:
    pairs = [pair(n)._replace(snippet1="", snippet2="") for n in range(8)]
    judged = LlmJudge(endpoint, load_prompt("B")).judge(pairs)
    # The form is right; whether the digit is among the 20 most likely of its 400 tokens is chance.
    listed = {"a class is missing from the log-probabilities", "no log-probabilities for the score"}
    assert set(judged.unscored()) <= listed
    assert judged.tokens > 0


def test_a_prompt_longer_than_the_context_is_named(endpoint: Endpoint) -> None:
    judged = LlmJudge(endpoint, load_prompt("B")).judge([pair()._replace(snippet1="fox " * 2_000)])
    assert judged.unscored() == {"the prompt does not fit into the model's context": 1}


def test_a_taken_port_is_one_clear_error(endpoint: Endpoint, weights: Path) -> None:
    port = endpoint.base_url.rpartition(":")[2].partition("/")[0]
    done = subprocess.run([*COMMAND, "--model", str(weights), "--port", port], capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"onward: cannot listen on 127.0.0.1:{port} (Address already in use): choose another --port or --host\n"
    )


def test_an_unknown_host_is_one_clear_error() -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on 203\.0\.113\.1:8080 \(.*\): choose another --port"):
        check_free("203.0.113.1", 8080)


def test_a_damaged_file_is_one_clear_error(tmp_path: Path, weights: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(weights.read_bytes()[:2_000])
    with pytest.raises(SettingsError, match=r"llama\.cpp cannot serve .*damaged\.gguf: the file is damaged"):
        LocalServer(damaged, "damaged", port=free_port()).start()


def test_no_web_page_of_another_site_may_ask(endpoint: Endpoint) -> None:
    import httpx

    origin = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    answer = httpx.options(f"{endpoint.base_url}/chat/completions", headers=origin)
    assert answer.headers.get("access-control-allow-origin") not in ("*", origin["origin"])


def test_a_signal_ends_the_wait_whoever_else_handles_it() -> None:
    code = """
import os, signal, threading
from prompting.local.server import hold_signals, wait_for_signal
hold_signals()
threading.Thread(target=threading.Event().wait, daemon=True).start()  # as llama.cpp's, it inherits what is held
signal.signal(signal.SIGTERM, signal.SIG_DFL)
os.kill(os.getpid(), signal.SIGTERM)
wait_for_signal()
print("ended", flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("ended\n", 0)


def test_the_printed_lines_are_taken_by_a_shell(tmp_path: Path, weights: Path) -> None:
    odd = tmp_path / "my $(touch seen) model's.gguf"
    odd.write_bytes(weights.read_bytes())
    options = ["--model", str(odd), "--port", str(free_port()), "--context", "1024", "--threads", "1"]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = "".join(process.stdout.readline() for _ in range(3))
        process.send_signal(signal.SIGTERM)  # llama.cpp may never end by itself where it has just begun
        try:
            assert process.wait(60) == 0
        finally:
            process.kill()
    done = subprocess.run(["sh", "-c", lines + 'printf %s "$ONWARD_LLM_MODEL"'], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (name_of(odd), "")
