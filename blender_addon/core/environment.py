# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's private Python environment: where it lies, and building it without blocking the caller."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

from ...backend.protocol.errors import DoppelError
from . import build_environment
from .build_environment import environment_python
from .lines import LineProcess

_SCRIPT = Path(build_environment.__file__)
_LARGE = 20 * 1024**2  # bytes of a download that is worth a bar
_FILE = re.compile(r"(?:Downloading|Using cached|Processing) \S*?([^/\\\s]+?)-(\d[^-\s]*)\S*(?: \((.+)\))?")
# Where each step begins on the bar: the environment, the packages, torch, the trial.
_STARTS = (0.0, 0.03, 0.45, 0.95, 1.0)
_TORCH = 3

SIZES = {"cpu": 2 * 1024**3, "cuda": 7 * 1024**3}
"""Bytes that the environment takes on the disk, by build of torch."""


def default_environment() -> Path:
    """<user cache>/doppel/venv: outside the extension's folder, so that it survives updates of both."""
    home = Path.home()
    if sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        cache = home / "Library" / "Caches"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return cache / "doppel" / "venv"


def default_worker_python() -> Path:
    """The interpreter that runs the worker: DOPPEL_WORKER_PYTHON, or the one of the private environment."""
    override = os.environ.get("DOPPEL_WORKER_PYTHON")
    return Path(override).expanduser() if override else environment_python(default_environment())


def free_space(folder: Path) -> int:
    """Bytes free on the disk of a folder that need not exist yet; 0 when that cannot be told."""
    for place in (folder, *folder.parents):
        if place.is_dir():
            try:
                return shutil.disk_usage(place).free
            except OSError:
                return 0
    return 0


class EnvironmentSetup:
    """A running build of the environment. `poll` never waits; the reading thread knows nothing of Blender."""

    def __init__(
        self,
        environment: Path,
        wheels: str = "",
        base_python: str = "",
        torch: str = "auto",
        torch_index: str = "",
        fresh: bool = False,
    ) -> None:
        self.step, self.steps = 0, build_environment.STEPS
        self.message = "Starting"
        self.last_line = ""
        self.package = ""  # what is being fetched or installed
        self.error: DoppelError | None = None
        self.python: Path | None = None
        self._part = 0.0
        self._cancelled = False
        command = [sys.executable, str(_SCRIPT), "--json", "--environment", str(environment), "--torch", torch]
        if fresh:
            command.append("--fresh")
        for option, value in (("--wheels", wheels), ("--base-python", base_python), ("--torch-index", torch_index)):
            if value:
                command += [option, value]
        self._process = LineProcess(command, build_environment.clean_variables())

    @property
    def finished(self) -> bool:
        """Whether it has ended, well (`python` is set) or not (`error` is set)."""
        return self.python is not None or self.error is not None

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1: by steps and, for torch, by the bytes that have come."""
        if self.python is not None:
            return 1.0
        start, end = _STARTS[max(self.step - 1, 0)], _STARTS[min(max(self.step, 1), len(_STARTS) - 1)]
        return start + (end - start) * self._part

    def poll(self) -> bool:
        """Take in what has been said since the last call; returns whether anything changed."""
        if self.finished:
            return False
        changed = False
        for line in self._process.lines():
            changed = True
            self._take(line)
        if self._process.ended and not self.finished:
            changed = True
            self._ended()
        return changed

    def cancel(self) -> None:
        """Stop it and everything it started. What is installed already is kept for the next build."""
        self._cancelled = True
        self._process.kill()

    def _take(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            said = {"line": line.strip()}
        if not isinstance(said, dict):
            return
        if "step" in said:
            self.step, self.steps, self.message = int(said["step"]), int(said["steps"]), str(said["message"])
            self.package, self._part = "", 0.0
        elif "got" in said:
            if self.step == _TORCH and said["of"] > _LARGE:
                self._part = max(self._part, min(said["got"] / said["of"], 1.0) * 0.9)
        elif "line" in said:
            self.last_line = str(said["line"])
            if found := _FILE.match(self.last_line):
                self.package = f"{found[1]} {found[2]}" + (f", {found[3]}" if found[3] else "")
        elif "done" in said:
            self.python = Path(said["done"])
        elif "error" in said:
            self.error = DoppelError.from_dict(said["error"])

    def _ended(self) -> None:
        if self._cancelled:
            self.error = DoppelError(
                "setup_cancelled", "the setup was cancelled", "press Set Up Worker to go on where it stopped"
            )
        else:
            self.error = DoppelError(
                "setup_failed", f"the setup ended early: {self.last_line or 'it said nothing'}", "try it again"
            )
