"""What test_student starts under torchrun: trains the teachers with a given configuration."""

import sys
from pathlib import Path

from pipeline.build import build
from pipeline.config import BuildConfig
from text_model.distributed import world

data, bundles, config = map(Path, sys.argv[1:])
build(data, bundles, BuildConfig.model_validate_json(config.read_text()), only=["teachers"])
assert world().size == 2
