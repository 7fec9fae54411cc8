"""Notice that the program which started the worker is gone."""

from __future__ import annotations

import psutil

from ..protocol.errors import DoppelError


class ParentWatch:
    """Watches one process by its id and start time, so that a re-used id is not taken for it.

    Raises:
        DoppelError: ``parent_missing`` when there is no such process to begin with.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._process = psutil.Process(pid)
        except (psutil.Error, ValueError):
            raise DoppelError("parent_missing", f"there is no process {pid} to follow", "check --parent-pid") from None

    def gone(self) -> bool:
        """True once the process has ended, waited for by its own parent or not."""
        try:
            return not self._process.is_running() or self._process.status() == psutil.STATUS_ZOMBIE
        except psutil.AccessDenied:
            return False
        except psutil.Error:
            return True
