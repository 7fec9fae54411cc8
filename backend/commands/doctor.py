"""`doppel doctor`: is everything in place, and what to do about what is not."""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..protocol.errors import DoppelError
from ..protocol.paths import default_state_dir
from .worker import device_name

PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "numpy", "scipy", "skimage", "PIL", "zmq", "psutil")
MIN_FREE_BYTES = 2 * 1024**3
MIN_MEMORY_BYTES = 4 * 1024**3
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked thing: `advice` is empty when it is fine."""

    subject: str
    text: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing has to be done."""
        return not self.advice


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="check the installation and say what to do",
        description="Check Python, packages, device, weights, body, folders and sockets; a line each. "
        "Ends with status 1 when something has to be done.",
    )
    parser.add_argument("--state", type=Path, default=None, help="the worker's state folder (default: the user's)")
    parser.add_argument("--weights", type=Path, default=None, help="model folder (default: the weights that ship)")
    parser.add_argument("--body", type=Path, default=None, help="your own SMPLX_*.npz (default: the open body)")
    parser.add_argument(
        "--device", type=device_name, default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)"
    )
    parser.add_argument("--json", action="store_true", help="write one JSON object a line, as the extension reads it")


def run(args: argparse.Namespace) -> int:
    """Print a line for each check; 0 when all is well."""
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("python", check_python),
        ("packages", check_packages),
        ("device", lambda: check_device(args.device)),
        ("weights", lambda: check_weights(args.weights)),
        ("body", lambda: check_body(args.body)),
        ("state", lambda: check_state(args.state or default_state_dir())),
        ("sockets", check_sockets),
        ("photos", check_photos),
    ]
    fine = True
    for subject, check in checks:
        for finding in _safely(subject, check):
            fine &= finding.ok
            if args.json:
                print(json.dumps(asdict(finding)), flush=True)
                continue
            print(f"{'ok' if finding.ok else '!!':>4}  {finding.subject:<9} {finding.text}")
            if not finding.ok:
                print(f"      {'':<9} -> {finding.advice}")
    if not args.json:
        print("all is well" if fine else "something has to be done: see the lines marked !!")
    return 0 if fine else 1


def check_python() -> Iterator[Finding]:
    """The interpreter's version."""
    text = f"{platform.python_version()} at {sys.executable}"
    yield Finding("python", text, "" if sys.version_info >= (3, 11) else "use Python 3.11 or later")


def check_packages() -> Iterator[Finding]:
    """Everything that the worker imports."""
    missing, versions = [], []
    for name in PACKAGES:
        try:
            module = importlib.import_module(name)
        except Exception as error:
            missing.append(f"{name} ({_first_line(error)})")
        else:
            versions.append(f"{name} {getattr(module, '__version__', '')}".strip())
    if missing:
        yield Finding("packages", f"cannot be imported: {', '.join(missing)}", "install the worker's environment again")
    else:
        yield Finding("packages", ", ".join(versions))


def check_device(name: str) -> Iterator[Finding]:
    """What the pipeline would compute on, with a small product computed on it."""
    import torch

    from ..worker.device import describe_device

    device = describe_device(name)
    target = device["kind"] if name == "auto" else name
    memory = f"{device['free_memory'] / _GIB:.1f} of {device['total_memory'] / _GIB:.1f} GiB free"
    text = f"{device['kind']}: {device['name']}, {memory}"
    if float((torch.ones(8, 8, device=target) @ torch.ones(8, 8, device=target)).sum()) != 512.0:
        yield Finding("device", text + ", and computes wrong numbers", "update the graphics driver")
    elif device["free_memory"] < MIN_MEMORY_BYTES:
        yield Finding("device", text, f"close other programs: {MIN_MEMORY_BYTES // _GIB} GiB should be free")
    else:
        yield Finding("device", text)


def check_weights(folder: Path | None) -> Iterator[Finding]:
    """The model files against their checksums."""
    from ..pipelines.weights import verify_weights, weights_folder

    problems = verify_weights(folder)
    for problem in problems:
        yield Finding("weights", problem, "install Doppel again, or choose another model folder with --weights")
    if not problems:
        yield Finding("weights", f"{weights_folder(folder)} is complete and unchanged")


def check_body(path: Path | None) -> Iterator[Finding]:
    """The body model: the open one, or the user's."""
    from rigging.body_model import BodyModel

    body = BodyModel.load(path)
    joints = body.weights.shape[1]
    yield Finding("body", f"{len(body.v_template)} vertices, {len(body.faces)} triangles, {joints} joints")


def check_state(folder: Path) -> Iterator[Finding]:
    """That the state folder can be written, has room, and whether a worker uses it."""
    from ..worker.keys import make_private_dir
    from ..worker.lock import StoreLock

    try:
        make_private_dir(folder)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"doppel")
    except OSError as error:
        yield Finding("state", f"{folder} cannot be written: {error.strerror}", "choose another folder with --state")
        return
    free = shutil.disk_usage(folder).free
    roomy = free >= MIN_FREE_BYTES
    yield Finding("state", f"{folder}, {free / _GIB:.1f} GiB free", "" if roomy else "free some space on that disk")
    lock = StoreLock(folder / "worker.lock")
    try:
        lock.acquire()
        lock.release()
        yield Finding("worker", "none is running on that folder")
    except DoppelError:
        yield Finding("worker", "one is running on that folder")


def check_sockets() -> Iterator[Finding]:
    """That an encrypted message gets through on this machine's own address."""
    import zmq

    if not zmq.has("curve"):
        yield Finding("sockets", "this pyzmq cannot encrypt", "install pyzmq from PyPI's wheels")
        return
    worker_public, worker_secret = zmq.curve_keypair()
    client_public, client_secret = zmq.curve_keypair()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        router.curve_server, router.curve_secretkey = True, worker_secret
        dealer.curve_serverkey, dealer.curve_publickey, dealer.curve_secretkey = (
            worker_public,
            client_public,
            client_secret,
        )
        router.bind("tcp://127.0.0.1:*")
        dealer.connect(router.getsockopt_string(zmq.LAST_ENDPOINT))
        dealer.send(b"knock")
        heard = router.poll(5000) and router.recv_multipart()[-1] == b"knock"
    except zmq.ZMQError as error:
        advice = "allow Python in the firewall or antivirus"
        yield Finding("sockets", f"no port can be opened: {error.strerror}", advice)
        return
    finally:
        context.destroy(linger=0)
    if heard:
        yield Finding("sockets", "an encrypted message got through on 127.0.0.1")
    else:
        advice = "allow Python to talk to itself on 127.0.0.1 in the firewall or antivirus"
        yield Finding("sockets", "a message to this machine's own address got lost", advice)


def check_photos() -> Iterator[Finding]:
    """Whether photographs can be read. They are an optional part: that they cannot is no fault."""
    from ..photo.networks import networks_folder, why_unavailable

    reason = why_unavailable()
    if reason:
        yield Finding("photos", f"not set up ({reason}); `doppel setup photo` does it")
    else:
        yield Finding("photos", f"can be read, with the networks in {networks_folder()}")


def _safely(subject: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except DoppelError as error:
        yield Finding(subject, error.message, error.hint or "install Doppel again")
    except Exception as error:
        yield Finding(subject, f"failed: {_first_line(error)}", "install Doppel and the worker's environment again")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
