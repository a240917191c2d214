"""Started by test_training under torchrun: trains, and the first process writes the weights."""

import importlib.util
import sys
from pathlib import Path

from safetensors.torch import save_file

from text_model.distributed import world

spec = importlib.util.spec_from_file_location("test_training", Path(__file__).with_name("test_training.py"))
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)

line = tests.Line()
tests.train(line, 20)
assert world().size == 2
if world().main:
    save_file(line.state_dict(), sys.argv[1])
