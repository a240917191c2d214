"""Generates the gRPC stubs in `service/pb` from `proto/`; needs grpcio-tools."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def generate(root: Path) -> None:
    """Write `service/pb/recommender_pb2*.py` below `root`. Raises RuntimeError when protoc fails."""
    from grpc_tools import protoc  # type: ignore[import-untyped]  # a development tool: serving does not need it

    arguments = [
        "protoc",
        f"-Iservice/pb={ROOT / 'proto/onward/v1'}",  # makes the generated imports use our package
        f"--python_out={root}",
        f"--pyi_out={root}",
        f"--grpc_python_out={root}",
        "service/pb/recommender.proto",
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError("protoc refused proto/onward/v1/recommender.proto: see its message above")
    hints = root / "service/pb/recommender_pb2.pyi"
    hints.write_text(f"# mypy: ignore-errors\n{hints.read_text()}")  # protobuf itself ships no types


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
