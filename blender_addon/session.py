# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to the worker for as long as Blender runs: process, client, jobs and the last error.

Knows nothing of bpy: paths and values come in, the pump in pump.py turns what is here into what Blender shows.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..backend.protocol.errors import DoppelError
from ..backend.protocol.jobs import new_job_id
from ..backend.protocol.paths import LOG_FILE
from ..backend.protocol.request import GenerateRequest
from .client import WorkerClient
from .core.environment import EnvironmentSetup
from .core.inbox import WorkerEvent
from .core.job_table import JobTable
from .core.process import WorkerProcess

log = logging.getLogger(__package__)

ROOT = Path(__file__).resolve().parents[1]
_EVENTS_A_TICK = 100
_STOP_SECONDS = 5.0


class Session:
    """One worker at a time. Every method returns at once, but for `close`."""

    def __init__(self) -> None:
        self.table = JobTable()
        self.error: DoppelError | None = None
        self.setup: EnvironmentSetup | None = None
        self.device: dict[str, Any] = {}
        self.log_file: Path | None = None
        self._process: WorkerProcess | None = None
        self._client: WorkerClient | None = None

    @property
    def state(self) -> str:
        """``off``, ``starting``, ``ready``, ``lost`` (being tried again) or ``failed`` (see `error`)."""
        if self._process is None:
            return "failed" if self.error is not None else "off"
        if self._client is not None and self._client.connected:
            return "ready"
        process = self._process.state
        if process == "failed":
            return "failed"
        return "lost" if process in ("ready", "waiting") and self.error is not None else "starting"

    @property
    def setting_up(self) -> bool:
        """Whether the worker's environment is being built."""
        return self.setup is not None and not self.setup.finished

    @property
    def adopted(self) -> bool:
        """Whether the worker was started by another program."""
        return self._process is not None and self._process.adopted

    def start(self, python: Path, state_dir: Path, device: str, root: Path = ROOT) -> None:
        """Start the worker, or use the one that already serves `state_dir`.

        Raises:
            DoppelError: there is no such Python.
        """
        if not python.is_file():
            raise DoppelError(
                "python_missing",
                f"the worker is not installed: there is no {python}",
                "press Set Up Worker, or choose its Python in the preferences",
            )
        self.stop()
        self.error = None
        self.log_file = state_dir / LOG_FILE
        self._client = WorkerClient()
        self._process = WorkerProcess(python, root, state_dir, ("--device", device))
        self._process.start()

    def stop(self, wait: float = 0.0) -> None:
        """Let go of the worker, and end it if it was started here, waiting for that up to `wait` seconds.

        Its jobs are kept: unfinished ones go on when a worker is started again.
        """
        client, self._client = self._client, None
        process, self._process = self._process, None
        if client is not None:
            client.close()
        if process is not None:
            process.stop(wait)
        for view in self.table.active():
            self._interrupt(view.job)
        self.device = {}
        self.error = None

    def close(self) -> None:
        """End everything, waiting a moment for it: Blender is closing, or the extension is being disabled."""
        if self.setting_up and self.setup is not None:
            self.setup.cancel()
        self.stop(wait=_STOP_SECONDS)

    def submit(self, request: GenerateRequest) -> str:
        """Send a request; returns its job id.

        Raises:
            DoppelError: the request is not valid, or there is no worker.
        """
        job = new_job_id()
        self._connected().generate(job, request)
        self.table.sent(job, request.prompt, request.seed, request.hypotheses)
        return job

    def cancel(self, job: str) -> None:
        """End a job."""
        self._connected().cancel(job)

    def ask_for_results(self) -> None:
        """Have the list of finished avatars sent; it arrives through `poll`."""
        self._connected().request("results")

    def delete(self, job: str) -> None:
        """Delete a finished job and its files."""
        self._connected().request("delete", job=job)

    def poll(self) -> list[WorkerEvent]:
        """Take in what has happened since the last call; returns the events, oldest first. Never waits."""
        if self._process is not None:
            for event in self._process.poll():
                if event.kind == "ready" and event.address is not None and self._client is not None:
                    self._client.connect(event.address)
                elif event.error is not None:
                    log.warning("worker %s: %s", event.kind, event.error)
                    self.error = event.error
        events: Sequence[WorkerEvent] = self._client.pump(_EVENTS_A_TICK) if self._client is not None else ()
        for event in events:
            self._take(event)
        return list(events)

    def _take(self, event: WorkerEvent) -> None:
        self.table.apply(event)
        if event.kind == "connected":
            self.error = None
            about = event.fields.get("worker")
            self.device = (about.get("device") or {}) if isinstance(about, dict) else {}
            self.ask_for_results()
        elif event.kind == "status":
            about = event.fields.get("worker")
            if isinstance(about, dict) and isinstance(about.get("device"), dict):
                self.device = about["device"]
        elif event.kind == "done":
            self.ask_for_results()
        elif event.kind in ("disconnected", "refused") or (event.kind == "failed" and event.job not in self.table.jobs):
            self.error = event.error
            if event.kind == "disconnected" and self._process is not None:
                self._process.check()

    def _connected(self) -> WorkerClient:
        if self._client is None:
            raise DoppelError("worker_off", "the worker is not running", "start it in the Worker panel")
        return self._client

    def _interrupt(self, job: str) -> None:
        view = self.table.jobs[job]
        view.error = DoppelError(
            "worker_stopped", "the worker was stopped", "its unfinished jobs go on when it is started again"
        )
        view.state = "failed"


_current: Session | None = None


def current() -> Session:
    """The session of this Blender, made when it is first asked for."""
    global _current
    if _current is None:
        _current = Session()
    return _current


def end() -> None:
    """Close the session, if there is one."""
    global _current
    if _current is not None:
        _current.close()
        _current = None
