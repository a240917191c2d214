"""Exports torch modules to ONNX, and quantizes float32 models to int8."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

INPUTS = ("input_ids", "token_type_ids", "attention_mask")
PIECES = ("piece_ids", "piece_mask")  # the further inputs of a joined encoder


def export(module: nn.Module, path: Path, outputs: list[str], *, joined: bool = False) -> None:
    """Write `module(input_ids, token_type_ids, attention_mask)` as ONNX with dynamic rows and length.

    A `joined` module has the inputs PIECES too, of another length.
    """
    ids = torch.randint(5, 10, (2, 16))  # in every vocabulary, and no special tokens in most
    example = dict(zip(INPUTS, (ids, torch.zeros_like(ids), torch.ones_like(ids)), strict=True))
    axes = {name: {0: "rows", 1: "length"} for name in INPUTS} | {name: {0: "rows"} for name in outputs}
    if joined:
        example |= dict(zip(PIECES, (ids[:, :12], torch.ones_like(ids[:, :12])), strict=True))
        axes |= {name: {0: "rows", 1: "pieces"} for name in PIECES}
    export_of(module, path, example, outputs, axes)


def export_of(
    module: nn.Module,
    path: Path,
    inputs: dict[str, torch.Tensor],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    """Write a module with any inputs as ONNX; `axes` names the dynamic dimensions."""
    with warnings.catch_warnings():
        # The TorchScript exporter takes a tenth of the new one's time, and its graph runs faster once quantized.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), tuple(inputs.values()), str(path), input_names=list(inputs), output_names=outputs,
            dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip


def quantize(source: Path, target: Path) -> None:
    """Write the model with int8 weights, one scale per column; activations are quantized dynamically.

    Products of two activations stay float32: quantizing them costs accuracy and time. The heads (Gemm) are
    quantized as products too.
    """
    logging.disable(logging.WARNING)  # it recommends a preprocessing step that changes nothing here
    try:
        quantize_dynamic(
            source, target, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8,
            per_channel=True, extra_options={"MatMulConstBOnly": True},
        )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)
