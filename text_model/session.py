"""ONNX Runtime sessions, configured for serving."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from configs.threads import used


class OnnxModel:
    """A loaded model file; safe to call from several threads."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """Run on `threads`, by default those of the process."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or used()  # ONNX Runtime sees the machine's cores, not the container's
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in ort.get_available_providers()]
        self._session = ort.InferenceSession(str(path), options, providers=providers)
        self._inputs = {entry.name for entry in self._session.get_inputs()}

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        """Return the model's outputs for one padded batch."""
        feed = {name: value for name, value in inputs.items() if name in self._inputs}
        outputs: list[NDArray[np.float32]] = self._session.run(None, feed)
        return outputs
