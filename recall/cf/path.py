"""Declares the recall path `cf`."""

from __future__ import annotations

import math

from recall.cf.config import CfConfig
from recall.path_spec import INDEX, OpenPath, PathSpec, Resources


def _open(given: Resources) -> OpenPath:
    from recall import ann
    from recall.cf.lookup import CfCosine, CfRecall

    index = ann.load(given.directory / INDEX)
    return OpenPath(CfRecall(index, given.native), (CfCosine(index),), index)


PATH = PathSpec(
    name="cf",
    open=_open,
    limit=50,
    index=True,
    counted=True,
    columns={"cf_cosine": math.nan},
    config=CfConfig,
)
