# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's process: started, watched, started again, stopped; never waited for on the caller's thread.

    process = WorkerProcess(python, root, state)
    process.start()
    ...
    for event in process.poll():                       # from the same timer as WorkerClient.pump
        if event.kind == "ready":
            client.connect(event.address)
        else:                                          # "exited" (it is tried again) or "failed" (it is not)
            show(event.error)

A worker that is already serving the same state folder, started by another Blender or by hand, is used instead of a
second one (`adopted`). When the client loses it, call :meth:`WorkerProcess.check`.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...backend.protocol.address import WorkerAddress, parse_ready_line
from ...backend.protocol.errors import DoppelError
from ...backend.protocol.paths import LOG_FILE, WORKER_INFO

READY_SECONDS = 120.0
STEADY_SECONDS = 60.0
BACK_OFF_SECONDS = (1.0, 2.0, 5.0, 10.0)
STOP_SECONDS = 12.0 if sys.platform != "win32" else 3.0
_TAIL_LINES = 30
_RESTARTED = DoppelError("worker_ended", "the worker has ended, as it was asked to")
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """``ready`` (with `address`), ``exited`` (with `error`; another start follows) or ``failed`` (no start follows)."""

    kind: str
    address: WorkerAddress | None = None
    error: DoppelError | None = None


class WorkerProcess:
    """One worker process at a time, kept alive until stopped.

    Args:
        python: the interpreter of the worker's own environment, never Blender's.
        root: the folder that holds the packages `backend` and `rigging`.
        state: the worker's state folder.
        options: more options of `doppel worker`, e.g. ``("--device", "cpu")``.
        command: what the interpreter runs; the default is ``-m backend.cli worker``.
        back_off: seconds before each new start after a short-lived one; when they are used up, no start follows.
        ready_seconds: a worker must be ready within so long.
    """

    def __init__(
        self,
        python: Path,
        root: Path,
        state: Path,
        options: Sequence[str] = (),
        command: Sequence[str] = ("-m", "backend.cli", "worker"),
        back_off: Sequence[float] = BACK_OFF_SECONDS,
        ready_seconds: float = READY_SECONDS,
    ) -> None:
        self._python = python
        self._root = root
        self._state_dir = state
        self._command = [str(python), *command, "--state", str(state), "--parent-pid", str(os.getpid()), *options]
        self._back_off = tuple(back_off)
        self._ready_seconds = ready_seconds
        self._events: queue.SimpleQueue[ProcessEvent] = queue.SimpleQueue()
        self._keeper: _Keeper | None = None
        self._ending: _Keeper | None = None

    @property
    def state(self) -> str:
        """``stopped``, ``starting``, ``ready``, ``waiting`` (before another start) or ``failed``."""
        return "stopped" if self._keeper is None else self._keeper.state

    @property
    def adopted(self) -> bool:
        """Whether the worker in use was started by someone else."""
        return self._keeper is not None and self._keeper.adopted

    @property
    def pid(self) -> int | None:
        """Process id of the worker that was started here, while it runs."""
        child = None if self._keeper is None or self._keeper.adopted else self._keeper.child
        return None if child is None or child.poll() is not None else child.pid

    def start(self, after: WorkerProcess | None = None) -> None:
        """Start the worker, unless one is running or on its way. Returns at once; see :meth:`poll`.

        Args:
            after: another keeper of the same store that was stopped: its worker has to end first.
        """
        if self._keeper is not None and (self._keeper.is_alive() or self.adopted):
            return
        self._keeper = _Keeper(self, None if after is None else after._ending)
        self._keeper.start()

    def restart(self) -> None:
        """End the worker that was started here, its memory with it, and start a fresh one. Returns at once."""
        if self._keeper is not None:
            self._keeper.restart()

    def check(self) -> None:
        """The client lost the worker: when that was somebody else's, look for it again or start our own."""
        if self.adopted:
            self._keeper = None
            self.start()

    def stop(self, wait: float = 0.0) -> None:
        """End the worker that was started here and wait up to `wait` seconds; it is killed if it does not end.

        An adopted worker is left alone. Call `WorkerClient.shutdown` first: on Windows that is the only gentle way.
        """
        keeper, self._keeper = self._keeper, None
        self._ending = keeper
        if keeper is not None:
            keeper.stop()
            if wait > 0 and keeper.is_alive():
                keeper.join(wait)

    def poll(self) -> list[ProcessEvent]:
        """The events since the last call, oldest first. Never waits."""
        events = []
        while not self._events.empty():
            events.append(self._events.get_nowait())
        return events


class _Keeper(threading.Thread):
    """Starts the process, waits for its ready line, then for its end; starts it again with growing pauses."""

    def __init__(self, owner: WorkerProcess, predecessor: _Keeper | None) -> None:
        super().__init__(name="doppel-worker-process", daemon=True)
        self._owner = owner
        self._predecessor = predecessor
        self._restarting = threading.Event()
        self._stopping = threading.Event()
        self.state = "starting"
        self.adopted = False
        self.child: subprocess.Popen[str] | None = None

    def stop(self) -> None:
        """End the child and the thread."""
        self._stopping.set()

    def restart(self) -> None:
        """End the child and start another."""
        self._restarting.set()

    def run(self) -> None:
        """Keep a worker running until stopped or out of tries."""
        if self._predecessor is not None:
            self._predecessor.join()  # it kills what does not end in time
            self._predecessor = None
        pauses = deque(self._owner._back_off)
        while not self._stopping.is_set():
            self.state = "starting"
            started = time.monotonic()
            try:
                self._run_once()
                break
            except _Exited as exited:
                error, final, wanted = exited.error, exited.final, exited.wanted
            if wanted:  # it was asked to end, to free its memory: a fresh one takes its place
                pauses = deque(self._owner._back_off)
                continue
            if time.monotonic() - started > STEADY_SECONDS:
                pauses = deque(self._owner._back_off)
            if final or not pauses:
                self.state = "failed"
                self._tell(ProcessEvent("failed", error=error))
                return
            self.state = "waiting"
            self._tell(ProcessEvent("exited", error=error))
            self._stopping.wait(pauses.popleft())
        if not self.adopted:
            self.state = "stopped"

    def _tell(self, event: ProcessEvent) -> None:
        if not self._stopping.is_set():
            self._owner._events.put(event)

    def _run_once(self) -> None:
        """From the start of one process to its wanted end, or to the adoption of another worker."""
        child = self.child = self._spawn()
        assert child.stdout is not None and child.stderr is not None
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        readers = [
            threading.Thread(target=_drain, args=(child.stdout, lines.put), daemon=True),
            threading.Thread(target=_drain, args=(child.stderr, tail.append), daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            address = self._wait_until_ready(child, lines, readers, tail)
            if address is not None:
                self.state = "ready"
                self._tell(ProcessEvent("ready", address))
            while not self.adopted and not self._stopping.wait(_POLL_SECONDS):
                if self._restarting.is_set():
                    self._restarting.clear()
                    raise _Exited(_RESTARTED, wanted=True)
                if child.poll() is not None:
                    wanted = address is not None and child.returncode == 0
                    raise _Exited(self._explain(child, readers, tail), wanted=wanted)
        finally:
            _end(child)

    def _spawn(self) -> subprocess.Popen[str]:
        owner = self._owner
        try:
            owner._state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            return subprocess.Popen(
                owner._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=owner._state_dir,
                env=_environment(owner._root),
                encoding="utf-8",
                errors="replace",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except FileNotFoundError:
            raise _Exited(
                DoppelError(
                    "python_missing",
                    f"there is no Python interpreter at {owner._python}",
                    "install the worker's environment, or choose its Python in the preferences",
                ),
                final=True,
            ) from None
        except OSError as error:
            raise _Exited(
                DoppelError(
                    "worker_not_started",
                    f"the worker cannot be started with {owner._python}: {error.strerror or error}",
                    "check the Python and the worker's folder in the preferences",
                ),
                final=True,
            ) from None

    def _wait_until_ready(
        self,
        child: subprocess.Popen[str],
        lines: queue.SimpleQueue[str],
        readers: list[threading.Thread],
        tail: deque[str],
    ) -> WorkerAddress | None:
        deadline = time.monotonic() + self._owner._ready_seconds
        while not self._stopping.is_set():
            try:
                ready = parse_ready_line(lines.get(timeout=_POLL_SECONDS))
                if ready is not None:
                    return WorkerAddress.from_ready(ready, self._owner._state_dir)
            except queue.Empty:
                if child.poll() is not None and not readers[0].is_alive() and lines.empty():
                    raise _Exited(self._explain(child, readers, tail)) from None
                if time.monotonic() > deadline:
                    raise _Exited(
                        DoppelError(
                            "worker_not_ready",
                            f"the worker was not ready after {self._owner._ready_seconds:g} seconds",
                            f"see {self._log}",
                        )
                    ) from None
            except DoppelError as error:
                return self._adopt_or_give_up(error)
        return None

    def _adopt_or_give_up(self, error: DoppelError) -> WorkerAddress:
        if error.code != "store_busy":
            raise _Exited(error, final=True)
        try:
            info = json.loads((self._owner._state_dir / WORKER_INFO).read_text(encoding="utf-8"))
            address = WorkerAddress.from_ready(info, self._owner._state_dir)
        except (OSError, ValueError, AttributeError, DoppelError):
            raise _Exited(error) from None  # it is still starting, or just ending: try again
        self.adopted = True
        return address

    def _explain(self, child: subprocess.Popen[str], readers: list[threading.Thread], tail: deque[str]) -> DoppelError:
        for reader in readers:
            reader.join(1.0)
        last = next((line.strip() for line in reversed(tail) if line.strip()), "")
        if "No module named" in last:
            return DoppelError(
                "environment_incomplete",
                f"the worker's Python is incomplete: {last[-200:]}",
                "install the worker's environment again in the preferences",
            )
        said = f", saying: {last[-300:]}" if last else ""
        return DoppelError("worker_exited", f"the worker ended with code {child.returncode}{said}", f"see {self._log}")

    @property
    def _log(self) -> Path:
        return self._owner._state_dir / LOG_FILE


class _Exited(Exception):
    """The process is gone or of no use.

    Args:
        error: what to tell.
        final: another start would end the same way.
        wanted: it was ready, and ended in good order because it was asked to.
    """

    def __init__(self, error: DoppelError, final: bool = False, wanted: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.final = final
        self.wanted = wanted


def _environment(root: Path) -> dict[str, str]:
    """This process's environment without what Blender sets for its own Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PYTHONPATH": str(root), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def _drain(stream: IO[str], put: object) -> None:
    assert callable(put)
    with stream:
        for line in stream:
            put(line)


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None and sys.platform != "win32":  # there, terminate() is kill(): give a shutdown message time
        child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
