"""The build's tunables of the knowledge of pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class KnowledgeConfig:
    """Tunables of the writer, the adapter and its training."""

    enabled: bool = True  # false: the path is empty and nothing is trained
    writer: Literal["extract", "llm"] = "extract"  # llm: the endpoint set by ONWARD_LLM_*
    factors: Annotated[tuple[Text, ...], Field(min_length=1)] = (
        "topic",
        "purpose",
        "audience",
        "entities",
        "level",
        "what a reader wants next",
    )
    tokens: Annotated[int, Field(ge=8, le=500)] = 126  # of a page's knowledge that the encoder reads, title included
    sentences: Count = 24  # of a text that the extractive writer compares, the first ones
    factor_weight: Annotated[float, Field(ge=0, le=1)] = (
        0.3  # of a sentence's nearness to a factor; the rest: centrality
    )
    dimension: Count = 128
    experts: Count = 4
    hidden: Count = 64  # width of an expert
    temperature: Annotated[float, Field(gt=0)] = 0.15  # τ of equation 2
    click_temperature: Annotated[float, Field(gt=0)] = 0.05  # of the recommender's softmax
    contrast_weight: Annotated[float, Field(ge=0)] = 0.1  # w₂ of equation 3; 0: clicks alone
    click_weight: Annotated[float, Field(ge=0)] = 1.0  # of the recommender's loss; 0: contrast alone
    positives: Count = 3  # of a page, those with the highest Swing
    steps: Annotated[int, Field(ge=0)] = 400  # at most; 0: the adapter keeps the embeddings' principal axes
    visits: Annotated[float, Field(gt=0)] = 18.0  # draws per page after which it has seen enough: more lose new pages
    batch: Annotated[int, Field(ge=2)] = 256
    rate: Annotated[float, Field(gt=0)] = 1e-3
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
