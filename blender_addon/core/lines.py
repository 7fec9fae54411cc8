# SPDX-License-Identifier: GPL-3.0-or-later
"""A program beside Blender whose lines are read as they come, without ever waiting for one."""

import os
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_END_SECONDS = 10.0


class LineProcess:
    """Runs `command`; `lines` gives what it has said on stdout and stderr since the last call.

    Raises:
        OSError: the program cannot be started.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.ended = False
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=dict(env),
            cwd=cwd,
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._reader = threading.Thread(target=self._read, name="doppel-lines", daemon=True)
        self._reader.start()

    @property
    def returncode(self) -> int | None:
        """Its exit status once it has ended."""
        return self._process.poll()

    def lines(self) -> Iterator[str]:
        """What has been said; `ended` is set after the last line."""
        while not self.ended:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                return
            if line is None:
                self.ended = True
            else:
                yield line.rstrip("\r\n")

    def kill(self) -> None:
        """End it and everything that it started."""
        if self._process.poll() is None:
            if os.name == "nt":
                subprocess.run(["taskkill", "/F", "/T", "/PID", str(self._process.pid)], capture_output=True)
            else:
                os.killpg(self._process.pid, 15)
        self._process.wait(timeout=_END_SECONDS)
        self._reader.join(timeout=_END_SECONDS)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._lines.put(line)
        self._process.wait()
        self._lines.put(None)
