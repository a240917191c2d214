"""Tokenized conversations for training, with labels on the answers only."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from corpus.schema import InputError
from text_model.causal import Message, prompt_and_answer, token_ids

UNLEARNT = -100  # the label that torch's cross-entropy ignores


class Example(NamedTuple):
    """One conversation: its tokens, and how many of them are the prompt."""

    tokens: list[int]
    prompt: int


@dataclass(frozen=True, slots=True)
class Examples:
    """Conversations within the maximum length, and the number of longer ones."""

    rows: list[Example]
    too_long: int


def read_conversations(path: Path) -> list[list[Message]]:
    """Return the conversations of a JSON Lines file in the chat format; each ends with the assistant's answer.

    Raises InputError for an invalid line, and for a file without conversations.
    """
    lines = path.read_bytes().removeprefix(BOM_UTF8).splitlines()
    found = [_conversation(path, number, line) for number, line in enumerate(lines, 1) if line]
    if not found:
        raise InputError(f"{path} has no conversations: write it with `onward qprime export-sft`")
    return found


def tokenized(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Sequence[Message]], max_length: int
) -> Examples:
    """Return the conversations of at most `max_length` tokens; cutting a longer one would cut its answer.

    Prompt and answer are tokenized separately, since a server tokenizes the prompt alone. Raises InputError if all
    are too long.
    """
    rows = []
    for messages in conversations:
        prompt, answer = (token_ids(tokenizer, text) for text in prompt_and_answer(tokenizer, messages))
        if len(prompt) + len(answer) <= max_length:
            rows.append(Example(prompt + answer, len(prompt)))
    if not rows:
        raise InputError(f"every conversation is longer than {max_length} tokens: increase max_length")
    return Examples(rows, len(conversations) - len(rows))


def batch_of(rows: Sequence[Example]) -> dict[str, Tensor]:
    """Return input_ids, attention_mask and labels, (rows, longest) int64, padded on the right.

    Labels are the tokens of the answers, and UNLEARNT for prompts and padding. The padding token is arbitrary, since
    it is masked.
    """
    shape = len(rows), max(len(row.tokens) for row in rows)
    tokens, mask = torch.zeros(shape, dtype=torch.int64), torch.zeros(shape, dtype=torch.int64)
    labels = torch.full(shape, UNLEARNT)
    for number, row in enumerate(rows):
        length = len(row.tokens)
        tokens[number, :length] = torch.tensor(row.tokens)
        mask[number, :length] = 1
        labels[number, row.prompt : length] = tokens[number, row.prompt : length]
    return {"input_ids": tokens, "attention_mask": mask, "labels": labels}


def _conversation(path: Path, number: int, line: bytes) -> list[Message]:
    try:
        messages = orjson.loads(line)["messages"]
        roles = [message["role"] for message in messages]
        sound = all(isinstance(message["content"], str) for message in messages)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        roles, sound = [], False
    if not sound or len(roles) < 2 or roles[-1] != "assistant":
        raise InputError(
            f'{path}, line {number} is not a conversation: write {{"messages": [...]}} with roles and contents, '
            "the assistant's answer last"
        )
    return list(messages)
