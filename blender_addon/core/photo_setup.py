# SPDX-License-Identifier: GPL-3.0-or-later
"""`doppel setup photo` in the worker's Python: fetches the networks that read photos."""

from pathlib import Path

from ...backend.protocol.errors import DoppelError
from .build_environment import clean_variables
from .lines import LineProcess

_COMPLAINT = "doppel: error: "


class PhotoSetup:
    """The running setup. `poll` never waits.

    Args:
        python: the worker's.
        root: the folder that `backend` lies in.
        wheels: a folder of Python packages to take in place of the internet; empty for none.

    Raises:
        DoppelError: ``python_missing``.
    """

    def __init__(self, python: Path, root: Path, wheels: str = "") -> None:
        self.message = "Fetching the networks that read photos"
        self.error: DoppelError | None = None
        self.finished = False
        self._last_line = ""
        variables = {**clean_variables(), "PYTHONPATH": str(root), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
        if wheels:
            variables |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels}
        try:
            self._process = LineProcess([str(python), "-m", "backend.cli", "setup", "photo"], variables, cwd=root)
        except OSError as error:
            raise DoppelError(
                "python_missing", f"{python} cannot be run: {error.strerror}", "press Set Up Worker"
            ) from None

    def poll(self) -> bool:
        """Take in what was said since the last call; returns whether anything changed."""
        if self.finished:
            return False
        before = self.message
        for line in self._process.lines():
            if line.strip():
                self._last_line = line.strip()
                if not line.startswith(_COMPLAINT):
                    self.message = line[:1].upper() + line[1:120]
        if self._process.ended:
            self.finished = True
            if self._process.returncode != 0:
                words = self._last_line.removeprefix(_COMPLAINT)[-300:] or "it said nothing"
                self.error = DoppelError(
                    "setup_failed", f"photos could not be set up: {words}", "check the connection and try again"
                )
        return self.finished or self.message != before

    def cancel(self) -> None:
        """Stop it."""
        if not self.finished:
            self._process.kill()
        self.finished = True
