"""One worker a state folder: an operating-system lock that ends with its process, however that ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..protocol.errors import DoppelError


class StoreLock:
    """Exclusive lock on `path`. The system releases it when the process dies, so it can never be stale."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock or refuse at once.

        Raises:
            DoppelError: ``store_busy`` when another worker holds it, ``state_unwritable`` when it cannot be made.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DoppelError(
                "state_unwritable", f"{self._path} cannot be written: {error}", "choose another folder with --state"
            ) from None
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise DoppelError(
                "store_busy",
                f"another worker is already using {self._path.parent}",
                "connect to that one, stop it, or choose another folder with --state",
            ) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
