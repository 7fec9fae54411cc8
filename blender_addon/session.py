# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to the worker for as long as Blender runs: process, client, jobs and the last error.

Knows nothing of bpy: paths and values come in, the pump in pump.py turns what is here into what Blender shows.
"""

import logging
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..backend.protocol.address import WorkerAddress
from ..backend.protocol.errors import DoppelError
from ..backend.protocol.jobs import new_job_id
from ..backend.protocol.paths import LOG_FILE, RESULTS
from ..backend.protocol.request import GenerateRequest
from ..backend.protocol.version import DOPPEL_VERSION
from .client import WorkerClient
from .core import photo_file
from .core.checkup import Checkup
from .core.environment import EnvironmentSetup
from .core.history import list_results
from .core.inbox import WorkerEvent
from .core.job_table import AVATAR, FIT, JobTable, JobView, ResultView
from .core.mirror import Mirror
from .core.photo_setup import PhotoSetup
from .core.process import WorkerProcess

log = logging.getLogger(__package__)

ROOT = Path(__file__).resolve().parents[1]
_EVENTS_A_TICK = 100
_STOP_SECONDS = 5.0
_WATCH_SECONDS = 1.0
_LISTED = 50  # jobs that one status request may name
_PHOTOS = ("photo", "back_photo")  # the names of a request's photos, in the order in which they are sent


class Session:
    """One worker at a time. Every method returns at once, but for `close`."""

    def __init__(self) -> None:
        self.table = JobTable()
        self.error: DoppelError | None = None
        self.setup: EnvironmentSetup | None = None
        self.checkup: Checkup | None = None
        self.photo_setup: PhotoSetup | None = None
        self.no_photos = ""  # why the worker that is connected cannot read photos
        self.capabilities: frozenset[str] = frozenset()
        self.device: dict[str, Any] = {}
        self.log_file: Path | None = None
        self._process: WorkerProcess | None = None
        self._client: WorkerClient | None = None
        self._mirror: Mirror | None = None
        self._started: tuple[Path, Path, str, Path, Sequence[str]] | None = None
        self._listed: queue.SimpleQueue[list[ResultView]] = queue.SimpleQueue()
        self._photos: queue.SimpleQueue[tuple[str, list[photo_file.PhotoFile] | DoppelError]] = queue.SimpleQueue()
        self._unread: dict[str, GenerateRequest] = {}  # jobs whose photo is being read
        self._asked_about: dict[str, list[str]] = {}  # status requests and the jobs that they name
        self._watched_at = 0.0

    @property
    def state(self) -> str:
        """``off``, ``starting``, ``ready``, ``lost`` (being tried again) or ``failed`` (see `error`)."""
        if self._client is None:
            return "failed" if self.error is not None else "off"
        if self._client.connected:
            return "ready"
        if self._process is None:
            return "lost" if self.error is not None else "starting"
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

    def start(self, python: Path, state_dir: Path, device: str, root: Path = ROOT, options: Sequence[str] = ()) -> None:
        """Start the worker, or use the one that already serves `state_dir`. `options` are more of `doppel worker`'s.

        Raises:
            DoppelError: there is no such Python.
        """
        if not python.is_file():
            raise DoppelError(
                "python_missing",
                f"the worker is not installed: there is no {python}",
                "press Set Up Worker, or choose its Python in the preferences",
            )
        before = self._process
        self.stop()
        self.error = None
        self.log_file = state_dir / LOG_FILE
        self.table.store = state_dir.absolute() / RESULTS
        self._client = WorkerClient()
        self._process = WorkerProcess(python, root, state_dir, ("--device", device, *options))
        self._process.start(after=before)
        self._started = (python, state_dir, device, root, options)

    def connect(self, address: WorkerAddress, copies: Path) -> None:
        """Use a worker on another machine, that was started there by hand; its avatars are copied to `copies`."""
        self.stop()
        self._client = WorkerClient()
        self._mirror = Mirror(copies, self._client.download)
        self.table.store = copies
        self._client.connect(address)

    @property
    def remote(self) -> bool:
        """Whether the worker is on another machine."""
        return self._mirror is not None

    def restart(self) -> bool:
        """End the worker and start it again as before, its memory free; False when none was ever started.

        Raises:
            DoppelError: the worker is on another machine, where nobody would start it again.
        """
        if self.remote:
            raise DoppelError("worker_remote", "the worker is on another machine", "start it again there")
        if self._started is None:
            return False
        if self._process is None:
            self.start(*self._started)
            return True
        self._connected().shutdown()
        if not self.adopted:  # another program's worker is followed by our own when it is gone
            self._process.restart()
        return True

    def check_installation(
        self, python: Path, state_dir: Path, device: str, root: Path = ROOT, body: Path | None = None
    ) -> None:
        """Run `doppel doctor`; its findings come into `checkup` through `poll`'s caller."""
        if self.checkup is not None:
            self.checkup.cancel()
        self.checkup = Checkup(python, root, state_dir, device, body)

    def stop(self, wait: float = 0.0) -> None:
        """Let go of the worker, and end it if it was started here, waiting for that up to `wait` seconds.

        Its jobs are kept: unfinished ones go on when a worker is started again.
        """
        client, self._client = self._client, None
        process, self._process = self._process, None
        self._mirror = None
        if client is not None:
            client.close(timeout=wait)
        if process is not None:
            process.stop(wait)
        for view in self.table.active():
            view.interrupt()
        self.device, self.capabilities, self.no_photos = {}, frozenset(), ""
        self._asked_about.clear()
        self._unread.clear()
        self.error = None

    def close(self) -> None:
        """End everything, waiting a moment for it: Blender is closing, or the extension is being disabled."""
        if self.setting_up and self.setup is not None:
            self.setup.cancel()
        if self.checkup is not None:
            self.checkup.cancel()
        if self.photo_setup is not None:
            self.photo_setup.cancel()
        self.stop(wait=_STOP_SECONDS)

    def set_up_photos(self, python: Path, root: Path = ROOT, wheels: str = "") -> None:
        """Fetch the networks that read photos into the worker's environment; `photo_setup` says how far it is.

        Raises:
            DoppelError: there is no such Python.
        """
        if self.photo_setup is not None:
            self.photo_setup.cancel()
        self.photo_setup = PhotoSetup(python, root, wheels)

    def submit(
        self, request: GenerateRequest, photo: Path | None = None, kind: str = AVATAR, back_photo: Path | None = None
    ) -> str:
        """Send a request; returns its job id.

        With photos, whose places in the request hold `photo_file.UNREAD`, the files are read by another thread first:
        what is wrong with them becomes the end of the job. `kind` is AVATAR, or FIT for the photo's body alone.

        Raises:
            DoppelError: the request is not valid, or there is no worker.
        """
        job = new_job_id()
        if photo is None:
            self._connected().generate(job, request)
        else:
            self._connected()
            self._unread[job] = request.validate()
            paths = [photo] if back_photo is None else [photo, back_photo]
            threading.Thread(target=self._read_photos, args=(job, paths), name="doppel-photo", daemon=True).start()
        view = self.table.sent(job, request.prompt, request.seed, request.hypotheses, request.to_dict(), kind, photo)
        view.back_photo = back_photo
        return job

    def _read_photos(self, job: str, paths: Sequence[Path]) -> None:
        try:
            self._photos.put((job, [photo_file.read(path) for path in paths]))
        except DoppelError as error:
            self._photos.put((job, error))

    def _send_read(self) -> Iterable[WorkerEvent]:
        """Send the jobs whose photos have been read; the ends of those that were not."""
        while not self._photos.empty():
            job, read = self._photos.get_nowait()
            request, view = self._unread.pop(job, None), self.table.jobs.get(job)
            if request is None or view is None or self._client is None:
                continue  # the worker was stopped meanwhile
            if view.cancelling:
                read = DoppelError("cancelled", "the job was cancelled")
            if isinstance(read, DoppelError):
                yield WorkerEvent("failed", job, read.to_dict(), error=read)
                continue
            named = replace(request, **{name: file.sha256 for name, file in zip(_PHOTOS, read, strict=False)})
            view.request = named.to_dict()
            if view.kind == FIT:
                self._client.fit_photo(job, named, read[0].data)
            else:
                self._client.generate(job, named, *(file.data for file in read))

    def expect(self, job: str, prompt: str, seed: int, hypotheses: int) -> None:
        """A file says that this job was sent from it: unless it is known, the worker is asked about it."""
        if job in self.table.jobs or any(result.job == job for result in self.table.results):
            return
        view = self.table.jobs[job] = JobView(job, prompt, seed, hypotheses)
        view.interrupt()
        if self.state == "ready":
            self._ask_about([job])

    def cancel(self, job: str) -> None:
        """End a job; the panel says so at once, the worker when it has let go."""
        if job not in self._unread:
            self._connected().cancel(job)
        if job in self.table.jobs:
            self.table.jobs[job].cancelling = True

    def list_from_disk(self, state_dir: Path) -> None:
        """Have the results in `state_dir` listed without a worker; they arrive through `poll`."""
        if self._client is None:
            self.table.store = state_dir.absolute() / RESULTS
        threading.Thread(
            target=lambda: self._listed.put(list_results(state_dir)), name="doppel-history", daemon=True
        ).start()

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
        events = self._client.pump(_EVENTS_A_TICK) if self._client is not None else []
        events += self._send_read()
        for event in events:
            self._take(event)
        self._watch()
        return [*events, *self._take_listing()]

    def poll_photo_setup(self) -> bool:
        """Take in how far the setup of photos is; when it is over, the worker is asked anew what it can."""
        setup = self.photo_setup
        if setup is None or not setup.poll():
            return False
        if setup.finished and setup.error is None and self.state == "ready":
            self._connected().request("hello", version=DOPPEL_VERSION)
        return True

    def _take_listing(self) -> Iterable[WorkerEvent]:
        while not self._listed.empty():
            results = self._listed.get_nowait()
            if self.state != "ready":  # else the worker's own list is the truth
                self.table.results = results
                for result in results:
                    self.table.dismiss(result.job)
                yield WorkerEvent("results")

    def _watch(self) -> None:
        """Ask about jobs that another program, or an earlier run of this one, has sent: their ends are not told."""
        if self._client is None or not self._client.connected:
            return
        now = time.monotonic()
        if now - self._watched_at < _WATCH_SECONDS:
            return
        self._watched_at = now
        ours = self._client.open_jobs
        self._ask_about([view.job for view in self.table.active() if view.job not in ours])

    def _ask_about(self, jobs: list[str]) -> None:
        if jobs and self._client is not None:
            named = jobs[:_LISTED]
            self._asked_about[self._client.request("status", jobs=named)] = named

    def _take(self, event: WorkerEvent) -> None:
        active = len(self.table.active())
        self.table.apply(event)
        if self._mirror is not None:
            if event.kind == "downloaded":
                self.ask_for_results()  # and with them what is here now
            self._mirror.take(event)
        if event.kind == "connected":
            self.error = None
            about = event.fields.get("worker")
            self.device = (about.get("device") or {}) if isinstance(about, dict) else {}
            offered = event.fields.get("capabilities")
            self.capabilities = frozenset(map(str, offered)) if isinstance(offered, list) else frozenset()
            self.no_photos = "" if FIT in self.capabilities else str(event.fields.get("photo") or "it is an older one")
            self._asked_about.clear()
            self.ask_for_results()
            self._connected().request("status")
            self._ask_about([view.job for view in self.table.jobs.values() if view.interrupted])
        elif event.kind == "status":
            self._take_status(event)
            if len(self.table.active()) < active:
                self.ask_for_results()
        elif event.kind == "done":
            self.ask_for_results()
        elif event.kind in ("disconnected", "refused") or (event.kind == "failed" and event.job not in self.table.jobs):
            if event.error is None or event.error.code != "worker_ended":
                self.error = event.error
            if event.kind == "disconnected" and self._process is not None:
                self._process.check()

    def _take_status(self, event: WorkerEvent) -> None:
        about = event.fields.get("worker")
        if isinstance(about, dict) and isinstance(about.get("device"), dict):
            self.device = about["device"]
        entries = event.fields.get("jobs")
        told = [entry.get("job") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        for job in self._asked_about.pop(event.request, ()):
            if job not in told and job in self.table.jobs and self.table.jobs[job].interrupted:
                self.table.dismiss(job)  # the worker does not know it: it was deleted
        unfinished = event.fields.get("unfinished")
        jobs = [job for job in unfinished if isinstance(job, str)] if isinstance(unfinished, list) else []
        about_to_come = {job for asked in self._asked_about.values() for job in asked}
        unknown = [job for job in jobs if job not in self.table.jobs or self.table.jobs[job].interrupted]
        self._ask_about([job for job in unknown if job not in about_to_come])

    def _connected(self) -> WorkerClient:
        if self._client is None:
            raise DoppelError("worker_off", "the worker is not running", "start it in the Worker panel")
        return self._client


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
