from __future__ import annotations

from recall.path_spec import OpenPath, PathSpec, Resources
from toy_path.config import ToyConfig


def _open(given: Resources) -> OpenPath:
    from toy_path.lookup import ToyRecall

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
