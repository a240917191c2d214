"""The tunables of the session network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

#: Pages of a reader's way that the network reads; older ones are left out.
HISTORY = 20

Kind = Literal["din", "dien", "deepfm", "sasrec"]


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """How the network that reads a reader's way is trained (TRAWL, section 3.4)."""

    network: Kind = "din"
    id_dimension: PositiveInt = 32  # of what training learns of a page
    text_dimension: PositiveInt = 32  # of what its text says: all that pages have which training has not seen
    candidates: Annotated[int, Field(ge=2)] = 16  # of each example, one of them the page that the reader chose
    most_examples: PositiveInt = 120_000  # steps of sessions, drawn at random
    draws: NonNegativeInt = 250_000  # of examples in all; 0: no network
    passes: PositiveInt = 16  # over the examples at most
    update_share: Annotated[float, Field(gt=0, le=1)] = 0.3  # of the draws, to go on from the past to the whole log
    batch: PositiveInt = 256
    rate: float = 2e-3
    trusted_steps: Annotated[float, Field(gt=0)] = 10.0  # per page; with so many, training sees half of what it learnt
    fewest_steps: PositiveInt = 300  # held out; fewer cannot tell whether histories help
    enough_steps: PositiveInt = 3_000  # held out, on pages that stage 2 did not learn from; with fewer, on all
    most_steps: PositiveInt = 20_000  # held out, to weigh the network by
