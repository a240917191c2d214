"""Generates the gRPC stubs of the gateway and of the client from `proto/`; needs grpcio-tools."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_POOL = "_descriptor_pool.Default()"
_OWN_POOL = "_descriptor_pool.DescriptorPool()"


def generate(root: Path) -> None:
    """Write `service/pb` and `client/onward_client/pb` below `root`. Raises RuntimeError when protoc fails."""
    _compile(root, "service/pb", "--grpc_python_out")
    _compile(root / "client", "onward_client/pb")
    _give_own_pool(root / "client/onward_client/pb/recommender_pb2.py")


def _compile(out: Path, package: str, *more_outputs: str) -> None:
    from grpc_tools import protoc  # type: ignore[import-untyped]  # a development tool: serving does not need it

    out.mkdir(parents=True, exist_ok=True)
    arguments = [
        "protoc",
        f"-I{package}={ROOT / 'proto/onward/v1'}",  # makes the generated imports use the package
        *(f"{output}={out}" for output in ("--python_out", "--pyi_out", *more_outputs)),
        f"{package}/recommender.proto",
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError("protoc refused proto/onward/v1/recommender.proto: see its message above")
    hints = out / package / "recommender_pb2.pyi"
    hints.write_text(f"# mypy: ignore-errors\n{hints.read_text()}")  # protobuf itself ships no types


def _give_own_pool(stubs: Path) -> None:
    """Keep the client's messages out of the pool that all of a process share: a gateway, perhaps of another version,
    may have its own of the same names there. Raises RuntimeError.
    """
    text = stubs.read_text()
    if text.count(_POOL) != 1:
        raise RuntimeError(f"protoc wrote {stubs.name} without {_POOL}: adapt service/grpc/generate_stubs.py")
    stubs.write_text(text.replace(_POOL, _OWN_POOL))


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
