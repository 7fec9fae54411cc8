"""How a client reaches a worker: the ready line a worker prints, and the keys that open it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import DoppelError
from .paths import CLIENT_KEY

_KEY_LENGTH = 40  # characters of a CURVE key in Z85


@dataclass(frozen=True, slots=True)
class WorkerAddress:
    """A worker's endpoint and the CURVE keys (Z85 text) for it. `repr` leaves the secret out."""

    endpoint: str
    worker_key: str
    client_key: str
    client_secret: str

    def __repr__(self) -> str:
        return f"WorkerAddress({self.endpoint!r}, worker_key={self.worker_key!r})"

    @property
    def name(self) -> str:
        """A short name of the worker for folders, made from its public key: letters and digits."""
        return hashlib.sha256(self.worker_key.encode("ascii")).hexdigest()[:12]

    @classmethod
    def from_files(cls, endpoint: str, worker_key: str, client_file: Path) -> WorkerAddress:
        """An address from its parts; `client_file` is a client's key file, as lies in a worker's state folder.

        Raises:
            DoppelError: ``endpoint_invalid`` or ``key_unreadable``.
        """
        if not endpoint.startswith("tcp://") or not endpoint.rpartition(":")[2].isdigit():
            raise DoppelError(
                "endpoint_invalid", f"'{endpoint[:80]}' is no worker address", "write it as tcp://HOST:PORT"
            )
        public, secret = read_key_pair(client_file)
        return cls(endpoint, _check_key(worker_key, "the worker's public key"), public, secret)

    @classmethod
    def from_ready(cls, ready: dict[str, Any], state: Path) -> WorkerAddress:
        """The address of the worker on this machine that printed `ready`, with the client key in its state folder.

        Raises:
            DoppelError: as :meth:`from_files`.
        """
        return cls.from_files(str(ready.get("endpoint")), str(ready.get("public_key")), state / CLIENT_KEY)


def parse_ready_line(line: str) -> dict[str, Any] | None:
    """The object a worker prints when it is ready, or None when `line` is something else.

    Raises:
        DoppelError: the worker's own, when the line says that it could not start.
    """
    try:
        payload = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(payload, dict) or not isinstance(payload.get("ready"), bool):
        return None
    if not payload["ready"]:
        raise DoppelError.from_dict(payload.get("error"))
    return payload


def read_key_pair(path: Path) -> tuple[str, str]:
    """(public, secret) of a key file.

    Raises:
        DoppelError: ``key_unreadable``.
    """
    try:
        payload = json.loads(path.read_text(encoding="ascii"))
        public, secret = payload["public"], payload["secret"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DoppelError(
            "key_unreadable",
            f"the key file {path} cannot be read: {error}",
            "start the worker once on this state folder, or choose the right file",
        ) from None
    return _check_key(public, str(path)), _check_key(secret, str(path))


def _check_key(value: object, where: str) -> str:
    if isinstance(value, str) and len(value) == _KEY_LENGTH and value.isascii() and value.isprintable():
        return value
    raise DoppelError("key_unreadable", f"{where} is not a key of {_KEY_LENGTH} characters", "copy it again")
