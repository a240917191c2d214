from __future__ import annotations

from recall.path_spec import OpenPath, PathSpec, Resources
from toy_path.config import ToyConfig
from toy_path.lookup import ToyRecall


def _open(given: Resources) -> OpenPath:
    return OpenPath(ToyRecall(given.tables["toy"]))


PATH = PathSpec(
    name="toy",
    open=_open,
    limit=15,
    timeout_ms=20.0,
    table=True,
    columns={"toy_nearness": -1.0},
    config=ToyConfig,
)
