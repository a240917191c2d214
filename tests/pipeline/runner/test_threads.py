import os
from collections.abc import Iterator

import faiss
import pytest
import torch
from threadpoolctl import threadpool_info

from configs import threads
from pipeline.config import BuildConfig
from pipeline.runner.threads import use_threads
from ranking.lightgbm.train import LightGbmConfig, parameters


@pytest.fixture
def before() -> Iterator[None]:
    """Restore the threads of this process, which other tests use too."""
    rayon = os.environ.get("RAYON_NUM_THREADS")
    yield
    use_threads(BuildConfig.model_validate({"engine": {"threads": 2}}))
    if rayon is None:
        os.environ.pop("RAYON_NUM_THREADS", None)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.usefixtures("before")
def test_one_setting_reaches_every_library(count: int) -> None:
    config = use_threads(BuildConfig.model_validate({"engine": {"threads": count}}))
    assert config.engine.threads == threads.used() == count  # of DuckDB, `implicit` and ONNX Runtime
    assert torch.get_num_threads() == faiss.omp_get_max_threads() == count
    pools = {pool.get("threading_layer"): pool["num_threads"] for pool in threadpool_info()}
    assert pools == {None: count, "openmp": count, "pthreads": 1}  # OpenMP itself; FAISS's BLAS; NumPy's, which spins
    assert parameters(LightGbmConfig(), 0)["num_threads"] == count


@pytest.mark.usefixtures("before")
def test_free_cores_are_used_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert use_threads(BuildConfig()).engine.threads == 1
