"""Fine-tunes a small language model on the queries of a large one (section 5.4) with low-rank adapters (LoRA).

The paper fine-tunes all weights of Mistral-7B; adapters on all linear layers come close and fit on one GPU. As in
the paper, the loss is the cross-entropy over the tokens of the answers, without the prompt.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import orjson
import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.pytorch_utils import Conv1D

from configs.reading import SettingsError
from recall.qprime.small_writer.examples import Example, batch_of, read_conversations, tokenized
from store.bundle import file_hash, write_atomically
from store.model_files import identity, is_gguf
from text_model.causal import load_causal
from text_model.distributed import world
from text_model.gguf_file import folder_of, writable, write_gguf
from text_model.training import Batch, Curve, Progress, Schedule, fit, rows_of_step


@dataclass(frozen=True, slots=True)
class SmallWriterConfig:
    """Tunables of the fine-tuning."""

    rank: int = 16  # of the adapters
    alpha: float = 32.0  # the adapters' output is multiplied by alpha / rank
    dropout: float = 0.05  # of the adapters' input
    rate: float = 2e-4
    steps: int = 1_000
    batch: int = 8  # conversations per step
    max_length: int = 2_048  # tokens of prompt and answer; longer conversations are skipped
    checkpoint_every: int = 100  # steps
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of a run, and the paths of the model."""

    curve: Curve
    conversations: int
    too_long: int
    adapter: Path
    merged: Path | None
    served: Path | None  # the merged model as a GGUF file


class Answers(nn.Module):
    """The loss of a batch of conversations.

    The model is not a child module: the training loop saves all parameters of its module in checkpoints, and the
    frozen base would make them a hundred times larger.
    """

    def __init__(self, model: PeftModel) -> None:
        super().__init__()
        self.learnt = nn.ParameterList([p for p in model.parameters() if p.requires_grad])
        self._model = (model,)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss `answer`: the mean cross-entropy of the labelled tokens."""
        return {"answer": self._model[0](**batch, use_cache=False).loss}


def train_writer(
    base: str, data: Path, out: Path, config: SmallWriterConfig, merge: bool, progress: Progress = lambda step: None
) -> Trained:
    """Fine-tune `base` on the conversations in `data`; write `adapter`, `merged` and `curve.json` to `out`.

    `base` is a folder, a GGUF file, which is converted into a folder of `out`, or a hub name. `merged` (optional) is a
    complete model with its tokenizer, for any server of the OpenAI protocol; of a `writable` GGUF file also
    `merged.gguf`, for `onward llm serve`. A killed run resumes when started again. Raises SettingsError if `out`
    belongs to another run, InputError for data of another kind.
    """
    conversations = read_conversations(data)
    gguf, name = is_gguf(base), identity(base)
    about = {"base": name, "data": file_hash(data), **asdict(config)}
    _compare(out / "run.json", about)  # before a large model is converted into the folder of another run
    model, tokenizer = load_causal(_converted(Path(base), out, name) if gguf else base)
    served = out / "merged.gguf" if merge and gguf and writable(Path(base)) else None
    if world().main:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / "run.json", orjson.dumps(about, option=orjson.OPT_INDENT_2))
    examples = tokenized(tokenizer, conversations, config.max_length)
    adapted = _adapted(model, config)
    curve = _fit(adapted, examples.rows, config, out / "training.safetensors", progress)
    merged = out / "merged" if merge else None
    if world().main:
        _save(adapted, tokenizer, out)
        write_atomically(out / "curve.json", orjson.dumps(curve.thinned()))
        if merged is not None:
            whole = adapted.merge_and_unload()
            whole.save_pretrained(merged)
            tokenizer.save_pretrained(merged)
            if served is not None:
                write_gguf(Path(base), whole, str(tokenizer.chat_template), served)
    world().wait()
    return Trained(curve, len(examples.rows), examples.too_long, out / "adapter", merged, served)


def _converted(file: Path, out: Path, name: str) -> str:
    if world().main:
        folder_of(file, out)  # one process converts it
    world().wait()
    return str(out / name)


def _adapted(model: PreTrainedModel, config: SmallWriterConfig) -> PeftModel:
    torch.manual_seed(config.seed)  # for the initial weights of the adapters
    adapters = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules="all-linear",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),  # GPT-2 transposes its weights
        task_type=TaskType.CAUSAL_LM,
    )
    with warnings.catch_warnings():  # peft 0.21 uses a deprecated name of transformers 5
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return get_peft_model(model, adapters)


def _fit(
    model: PeftModel, rows: list[Example], config: SmallWriterConfig, checkpoint: Path, progress: Progress
) -> Curve:
    here = world()
    model.to(here.device)
    model.train()
    objective = Answers(model)

    def draw(step: int) -> Batch:
        # Dropout is seeded by the step number too, so that a resumed run repeats it.
        torch.manual_seed(int(np.random.SeedSequence((config.seed, step, here.rank)).generate_state(1)[0]))
        return batch_of([rows[row] for row in rows_of_step(config.seed, step, len(rows), config.batch)])

    schedule = Schedule(config.steps, config.checkpoint_every)
    return fit(objective, [(list(objective.learnt), config.rate)], draw, schedule, checkpoint, progress)


def _save(model: PeftModel, tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    model.eval()
    model.save_pretrained(out / "adapter")
    tokenizer.save_pretrained(out / "adapter")


def _compare(path: Path, about: Mapping[str, object]) -> None:
    """Raise SettingsError if the run that wrote `path` had other inputs."""
    if not path.is_file():
        return
    before = orjson.loads(path.read_bytes())
    if differing := [name for name in about if before.get(name) != about[name]]:
        name = differing[0]
        raise SettingsError(
            f"{path.parent} contains a run with another {name} ({before.get(name)}, not {about[name]}): "
            "give another --out, or delete it"
        )
