"""Run a worker as a program: log file, ready line, signals, and an exit that always comes."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from ..protocol.errors import DoppelError
from .keys import make_private_dir
from .logs import start_logging
from .server import WorkerServer


def serve(state: Path, open_server: Callable[[], WorkerServer]) -> int:
    """Open a server on `state` and serve until told to stop.

    Standard output gets exactly one line, JSON: the address when the worker is ready, or ``{"ready": false, "error":
    {...}}``. Whatever else this process prints goes to standard error.

    Raises:
        DoppelError: when the worker cannot start.
    """
    os.umask(0o077)  # prompts and results are the user's own
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        server = _open(state, open_server)
    except DoppelError as error:
        print(json.dumps({"ready": False, "error": error.to_dict()}), file=out, flush=True)
        raise
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: server.stop())
    print(json.dumps(server.ready), file=out, flush=True)
    if not server.run():
        logging.shutdown()
        os._exit(0)  # a native call that does not return must not keep the process, and the GPU, alive
    return 0


def _open(state: Path, open_server: Callable[[], WorkerServer]) -> WorkerServer:
    try:
        make_private_dir(state)
        start_logging(state)
    except OSError as error:
        raise DoppelError(
            "state_unwritable", f"{state} cannot be written: {error}", "choose another folder with --state"
        ) from None
    return open_server()
