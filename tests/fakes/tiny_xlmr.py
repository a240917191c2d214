"""A tiny XLM-R with random weights: its tokenizer (unigram, learnt from a few sentences) and its special tokens."""

from __future__ import annotations

from pathlib import Path

import torch
from paragraphs import PARAGRAPHS
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]  # 0 to 3, as in XLM-R


def write_tiny_xlmr(directory: Path, layers: int = 2) -> Path:
    """Write the model and its tokenizer as `transformers` does; return the directory."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=800, special_tokens=_SPECIAL, unk_token="<unk>", show_progress=False)
    texts = [text for language in ("en", "fr", "ru") for page in PARAGRAPHS[language] for text in page]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    )
    size = tokenizer.get_vocab_size()
    shape = XLMRobertaConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=layers, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=514, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    XLMRobertaModel(shape).save_pretrained(directory)
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(directory)
    return directory
