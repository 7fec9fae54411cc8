# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's private Python environment: where it lies, and building it without blocking the caller."""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

from ...backend.protocol.errors import DoppelError
from . import build_environment
from .build_environment import environment_python

_SCRIPT = Path(build_environment.__file__)


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


class EnvironmentSetup:
    """A running build of the environment. `poll` never waits; the reading thread knows nothing of Blender."""

    def __init__(self, environment: Path, wheels: str = "", base_python: str = "", torch_index: str = "") -> None:
        self.step, self.steps = 0, build_environment.STEPS
        self.message = "Starting"
        self.last_line = ""
        self.error: DoppelError | None = None
        self.python: Path | None = None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._cancelled = False
        command = [sys.executable, str(_SCRIPT), "--json", "--fresh", "--environment", str(environment)]
        for option, value in (("--wheels", wheels), ("--base-python", base_python), ("--torch-index", torch_index)):
            if value:
                command += [option, value]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=build_environment.clean_variables(),
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._reader = threading.Thread(target=self._read, name="doppel-setup", daemon=True)
        self._reader.start()

    @property
    def finished(self) -> bool:
        """Whether it has ended, well (`python` is set) or not (`error` is set)."""
        return self.python is not None or self.error is not None

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1, by steps."""
        return 1.0 if self.python is not None else max(self.step - 1, 0) / self.steps

    def poll(self) -> bool:
        """Take in what has been said since the last call; returns whether anything changed."""
        changed = False
        while not self.finished:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                break
            changed = True
            if line is None:
                self._ended()
            else:
                self._take(line)
        return changed

    def cancel(self) -> None:
        """Stop it and everything it started. The unfinished environment is replaced by the next build."""
        self._cancelled = True
        if self._process.poll() is None:
            if os.name == "nt":
                subprocess.run(["taskkill", "/F", "/T", "/PID", str(self._process.pid)], capture_output=True)
            else:
                os.killpg(self._process.pid, 15)
        self._process.wait(timeout=10)
        self._reader.join(timeout=10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._lines.put(line)
        self._process.wait()
        self._lines.put(None)

    def _take(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            said = {"line": line.strip()}
        if not isinstance(said, dict):
            return
        if "step" in said:
            self.step, self.steps, self.message = int(said["step"]), int(said["steps"]), str(said["message"])
        elif "line" in said:
            self.last_line = str(said["line"])
        elif "done" in said:
            self.python = Path(said["done"])
        elif "error" in said:
            self.error = DoppelError.from_dict(said["error"])

    def _ended(self) -> None:
        if self._cancelled:
            self.error = DoppelError("setup_cancelled", "the setup was cancelled", "press Set Up Worker to start over")
        else:
            self.error = DoppelError(
                "setup_failed", f"the setup ended early: {self.last_line or 'it said nothing'}", "try it again"
            )
