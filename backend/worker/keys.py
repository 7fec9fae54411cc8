"""CURVE keys of an installation: made once, readable by their owner only."""

from __future__ import annotations

import json
import logging
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import zmq

from ..protocol.address import read_key_pair
from ..protocol.errors import DoppelError
from ..protocol.paths import CLIENT_KEY

WORKER_KEY = Path("keys") / "worker.json"
AUTHORIZED_KEYS = Path("keys") / "authorized_keys"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The worker's key pair (Z85 text) and where the accepted clients' keys lie."""

    public: str
    secret: str
    state: Path

    def __repr__(self) -> str:
        return f"KeyRing(public={self.public!r})"

    def accepts(self, client_key: str) -> bool:
        """True for this installation's own client and for the keys listed in ``keys/authorized_keys``, one a line.

        The files are read anew each time, so that a key added or removed counts from the next connection on.
        """
        if client_key == read_key_pair(self.state / CLIENT_KEY)[0]:
            return True
        try:
            lines = (self.state / AUTHORIZED_KEYS).read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        # Z85 uses '#' as a digit: a comment is a line that begins with it and a space.
        return any(client_key == line.strip() for line in lines if not line.startswith("# "))


def open_key_ring(state: Path) -> KeyRing:
    """Load the keys in `state`, making those that are missing.

    Raises:
        DoppelError: ``key_unreadable`` for a damaged file, ``state_unwritable`` when keys cannot be written.
    """
    try:
        make_private_dir(state / WORKER_KEY.parent)
        for name in (WORKER_KEY, CLIENT_KEY):
            if not (state / name).exists():
                _write_key_pair(state / name)
            elif os.name == "posix" and stat.S_IMODE((state / name).stat().st_mode) & 0o077:
                log.warning("%s could be read by others: closed now; delete it for a new key", state / name)
                (state / name).chmod(0o600)
    except OSError as error:
        raise DoppelError(
            "state_unwritable", f"keys cannot be written to {state}: {error}", "choose another folder with --state"
        ) from None
    public, secret = read_key_pair(state / WORKER_KEY)
    read_key_pair(state / CLIENT_KEY)
    return KeyRing(public, secret, state)


def make_private_dir(path: Path) -> None:
    """Create `path` for the owner only; an existing folder keeps its rights."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


def write_private(path: Path, text: str) -> None:
    """Replace `path` at once by a file that only the owner can read (on Windows, as its folder allows)."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(partial, path)


def _write_key_pair(path: Path) -> None:
    public, secret = zmq.curve_keypair()
    write_private(path, json.dumps({"public": public.decode(), "secret": secret.decode()}))
