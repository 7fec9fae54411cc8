# SPDX-License-Identifier: GPL-3.0-or-later
"""This installation's own CURVE key pair, which a worker on another machine lets in once it is on its list."""

from __future__ import annotations

import json
import os
from pathlib import Path

import zmq

from ...backend.protocol.address import read_key_pair
from ...backend.protocol.errors import DoppelError
from ...backend.protocol.paths import CLIENT_KEY


def own_public_key(state_dir: Path) -> str:
    """The public key (Z85 text) of the pair in `state_dir`, which is made, for its owner's eyes only, when missing.

    Raises:
        DoppelError: ``key_unreadable``, ``state_unwritable``.
    """
    path = state_dir / CLIENT_KEY
    if not path.exists():
        public, secret = (key.decode("ascii") for key in zmq.curve_keypair())
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                json.dump({"public": public, "secret": secret}, file)
            os.replace(partial, path)
        except OSError as error:
            raise DoppelError(
                "state_unwritable", f"the key cannot be written to {path}: {error}", "choose another avatar folder"
            ) from None
    return read_key_pair(path)[0]
