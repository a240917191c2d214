"""A server of a local model with an OpenAI-compatible API: llama.cpp, inside this process."""

from __future__ import annotations

import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.reading import SettingsError
from prompting.local.weights import check_gguf

_ERRORS_ONLY = 1  # llama.cpp's verbosity
_ENDING = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class LocalServer:
    """What is served, and how."""

    weights: Path
    name: str  # of the model, in answers
    host: str = "127.0.0.1"
    port: int = 8080
    threads: int = 2
    parallel: int = 4  # calls at once; more calls wait
    context: int = 8_192  # tokens of one call's prompt and answer

    @property
    def url(self) -> str:
        """The base URL of the API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"

    def variables(self) -> dict[str, str]:
        """Return the environment variables with which Onward uses this server."""
        return {
            "ONWARD_LLM_BASE_URL": self.url,
            "ONWARD_LLM_MODEL": self.name,
            "ONWARD_LLM_CONCURRENCY": str(self.parallel),
        }

    def start(self) -> Any:
        """Load the model and answer requests from threads of llama.cpp while the returned object is kept.

        Its destructor may wait forever for a thread that listens: end the process instead (`os._exit`).

        Raises SettingsError: no such file, not a GGUF file, port taken, a model that llama.cpp cannot load.
        """
        check_gguf(self.weights)
        check_free(self.host, self.port)
        xllamacpp = _library()
        try:
            return xllamacpp.Server(_parameters(xllamacpp.CommonParams(), self))
        except (RuntimeError, ValueError) as error:
            raise SettingsError(
                f"llama.cpp cannot serve {self.weights}: the file is damaged, its architecture is not known, or memory"
                " is short: lower --context or --parallel, or give another model; a damaged file that was downloaded"
                " is downloaded again once it is deleted"
            ) from error


def check_free(host: str, port: int) -> None:
    """Raise SettingsError if nothing can listen there."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(f"cannot listen on {host}:{port} ({reason}): choose another --port or --host") from error


def hold_signals() -> None:
    """Keep SIGTERM and SIGINT for `wait_for_signal`; call before the server starts.

    A thread of llama.cpp sets handlers of its own, some time after its start: they would get the signal.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def wait_for_signal() -> None:
    """Wait for SIGTERM or SIGINT; one that came since `hold_signals` counts."""
    signal.sigwait(_ENDING)


def _library() -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise SettingsError("serving a local model needs llama.cpp: pip install 'onward[llm]'") from error
    return xllamacpp


def _parameters(parameters: Any, server: LocalServer) -> Any:
    parameters.model.path = str(server.weights)
    parameters.model_alias = {server.name}
    parameters.hostnames, parameters.port = [server.host], server.port
    parameters.n_parallel = server.parallel
    parameters.n_ctx = server.context * server.parallel
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = server.threads
    parameters.cors_origins, parameters.cors_credentials = "", False  # no web page may ask it
    parameters.ui = parameters.endpoint_slots = False
    parameters.offline = True
    parameters.verbosity = _ERRORS_ONLY
    return parameters
