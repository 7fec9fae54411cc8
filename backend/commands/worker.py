"""`doppel worker`: the service that Blender talks to."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from ..pipelines.weights import INDEX, read_index, sha256, weights_folder
from ..protocol.paths import default_state_dir


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "worker",
        help="serve avatars to Blender or another client",
        description="Serve avatars over an encrypted socket. Prints one JSON line with its address when it is ready.",
    )
    parser.add_argument("--state", type=Path, default=None, help="folder for keys, jobs and logs (default: the user's)")
    parser.add_argument("--weights", type=Path, default=None, help="model folder (default: the weights that ship)")
    parser.add_argument(
        "--device", type=device_name, default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)"
    )
    parser.add_argument("--body", type=Path, default=None, help="your own SMPLX_*.npz (default: the open body)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=_port, default=0, help="port to listen on (default: the system chooses)")
    parser.add_argument("--parent-pid", type=int, default=None, help="end together with this process")
    parser.add_argument(
        "--idle-minutes", type=_minutes, default=10.0, help="unload the models after this idle time (default: 10)"
    )
    parser.add_argument(
        "--keep-gib", type=_gibibytes, default=20.0, help="remove the oldest avatars when all take more (default: 20)"
    )
    parser.add_argument("--log-prompts", action="store_true", help="write prompts to the log, too (default: never)")


def run(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    from ..worker.device import choose_device, describe_device
    from ..worker.runner import Pipeline
    from ..worker.serve import serve
    from ..worker.server import WorkerServer

    state = args.state or default_state_dir()

    def make_pipeline() -> Pipeline:
        choose_device(args.device)  # says in a sentence when torch cannot use it
        from ..pipelines.avatar import AvatarPipeline

        return AvatarPipeline.from_pretrained(args.weights, device=args.device, body=args.body)

    def open_server() -> WorkerServer:
        return WorkerServer(
            state,
            make_pipeline,
            lambda: describe_device(args.device),
            host=args.host,
            port=args.port,
            models=describe_models(weights_folder(args.weights)),
            parent_pid=args.parent_pid,
            idle_seconds=args.idle_minutes * 60,
            keep_bytes=int(args.keep_gib * 1024**3),
            log_prompts=args.log_prompts,
        )

    return serve(state, open_server)


def describe_models(folder: Path) -> list[dict[str, Any]]:
    """``[{"id", "path", "components", "sha256"}]`` of a model folder; the sha256 is that of its index of all files.

    Raises:
        DoppelError: ``weights_missing`` or ``weights_corrupt``.
    """
    components = read_index(folder)["components"]
    return [{"id": folder.name, "path": str(folder), "components": components, "sha256": sha256(folder / INDEX)}]


def device_name(text: str) -> str:
    """`text` when it names a device, for argparse."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,2})?", text):
        raise argparse.ArgumentTypeError("a device is auto, cpu, cuda, cuda:1 or mps")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _minutes(text: str) -> float:
    return _positive(text, "the idle time is a number of minutes above 0")


def _gibibytes(text: str) -> float:
    return _positive(text, "the store's size is a number of GiB above 0")


def _positive(text: str, complaint: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 10**6:
        raise argparse.ArgumentTypeError(complaint)
    return value
