"""The thread that works: takes jobs from the store, one at a time, and runs the pipeline on them."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..protocol.errors import DoppelError
from ..protocol.jobs import CANCELLED, DONE, FAILED, LOADING, RUNNING, SAVING, TERMINAL
from ..protocol.messages import Message
from ..protocol.request import GenerateRequest
from .device import release_memory
from .failures import explain, is_out_of_memory, lighter, out_of_memory
from .logs import keep_private
from .progress import Progress, StageClock, Throttle, encode_preview
from .results import ResultFolders
from .retention import KEEP_BYTES, make_room
from .store import Job, JobStore

if TYPE_CHECKING:
    from PIL.Image import Image

RETRY_SECONDS = 5.0

log = logging.getLogger(__name__)


class Avatar(Protocol):
    """One result of a pipeline."""

    def save(self, folder: Path) -> Any:
        """Write its files into the existing, empty `folder`."""


class Pipeline(Protocol):
    """What the runner calls: a request in, one avatar a hypothesis out."""

    def __call__(
        self,
        request: GenerateRequest,
        progress: Callable[[str, int, int, Image | None], None],
        cancelled: Callable[[], bool],
        photo: Path | None = None,
        back_photo: Path | None = None,
    ) -> list[Any]:
        """Run the request; raise DoppelError ``cancelled`` soon after `cancelled()` turns true.

        ``photo`` and ``back_photo`` are the files of the request's photos; each is only passed when there is one.
        """

    def sitter(self, request: GenerateRequest, photo: Path, cancelled: Callable[[], bool]) -> Any:
        """The body that fits the person in a photo, with a `save` like an avatar's."""


def cancelled_error() -> DoppelError:
    """The error that a cancelled job ends with."""
    return DoppelError("cancelled", "the job was cancelled")


class JobRunner(threading.Thread):
    """Runs jobs until told to stop.

    Args:
        store: where jobs come from and their states go.
        results: where their files go.
        pipeline_factory: makes the pipeline when the first job needs it.
        emit: sends an event to the clients; only ever called from this thread.
        log_path: the file that error messages point to.
        probe: describes the device; called once at the start and after each job, it may take seconds.
        idle_seconds: the pipeline is dropped after so long without a job.
        keep_bytes: the oldest finished jobs are removed when all take more.
        log_prompts: whether prompts may be written to the log.
    """

    def __init__(
        self,
        store: JobStore,
        results: ResultFolders,
        pipeline_factory: Callable[[], Pipeline],
        emit: Callable[[Message], None],
        log_path: Path,
        probe: Callable[[], dict[str, Any]],
        idle_seconds: float,
        keep_bytes: int = KEEP_BYTES,
        log_prompts: bool = False,
    ) -> None:
        super().__init__(name="doppel-jobs", daemon=True)
        self._store = store
        self._results = results
        self._factory = pipeline_factory
        self._emit = emit
        self._log_path = log_path
        self._probe = probe
        self._idle_seconds = idle_seconds
        self._keep_bytes = keep_bytes
        self._log_prompts = log_prompts
        self._pipeline: Pipeline | None = None
        self._work = threading.Event()
        self._stopping = threading.Event()
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._job: str | None = None
        self.progress: Progress | None = None
        """How far the running job is; None when there is none."""
        self.device: dict[str, Any] | None = None
        """The device as last seen; None until it has been looked at."""

    # Called from the server's thread

    @property
    def loaded(self) -> bool:
        """Whether the models are in memory."""
        return self._pipeline is not None

    def wake(self) -> None:
        """A job was added."""
        self._work.set()

    def cancel(self, job_id: str) -> bool:
        """Ask the running job to end; False when `job_id` is not running."""
        with self._lock:
            if self._job != job_id:
                return False
            self._cancel.set()
            return True

    def stop(self) -> None:
        """Interrupt the running job, which goes back to the queue, and end the thread."""
        self._stopping.set()
        self._work.set()

    # The thread itself

    def run(self) -> None:
        """Take and run jobs until stopped."""
        self._look_at_device()
        last_job = time.monotonic()
        while True:
            self._work.clear()
            if self._stopping.is_set():
                return
            try:
                job = self._take()
                if job is not None:
                    self._run_job(job)
                    last_job = time.monotonic()
                    continue
            except sqlite3.Error:
                log.exception("the job list cannot be written")
                self._work.wait(RETRY_SECONDS)
                continue
            left = None if self._pipeline is None else self._idle_seconds - (time.monotonic() - last_job)
            if left is not None and left <= 0:
                log.info("idle: models unloaded")
                self._unload()
            else:
                self._work.wait(left)

    def _take(self) -> Job | None:
        with self._lock:  # so that a job is cancelled either while it waits or while it is ours
            job = self._store.take()
            if job is not None:
                self._job = job.id
                self._cancel.clear()
            return job

    def _run_job(self, job: Job) -> None:
        run = _JobRun(job, self)
        try:
            with keep_private(*run.private):
                self._run_to_its_end(run)
        finally:
            with self._lock:
                self._job = None
            self.progress = None
            self._results.discard(job.id)
            ended = self._store.get(job.id)
            if ended is None or ended.state in TERMINAL:
                self._results.drop_photos(job.id)
        self._look_at_device()
        for removed in make_room(self._store, self._results, self._keep_bytes):
            self._emit(Message("delete", {"job": removed}))

    def _run_to_its_end(self, run: _JobRun) -> None:
        try:
            run.work()
        except BaseException as error:  # noqa: B036 - whatever ends a job must not end the thread
            memory_short = is_out_of_memory(error)
            if self._stopping.is_set() and not self._cancel.is_set() and getattr(error, "code", "") == "cancelled":
                log.info("job %s: interrupted, goes back to the queue", run.job.id)
                self._store.put_back(run.job.id)
            else:
                self._fail(run, error)
            # The traceback's frames keep the tensors of the failed step alive.
            traceback.clear_frames(error.__traceback__)
            del error
            if memory_short:
                self._unload()

    def _fail(self, run: _JobRun, error: BaseException) -> None:
        if is_out_of_memory(error):
            self._look_at_device()
            shown = out_of_memory(error, run.stage, run.tried, self.device)
        else:
            shown = explain(error, run.stage, self._log_path)
        if isinstance(error, DoppelError):
            log.info("job %s: ended with %s", run.job.id, shown.code)
        else:
            log.error("job %s: ended with %s", run.job.id, shown.code, exc_info=error)
        state = CANCELLED if shown.code == "cancelled" else FAILED
        if self._write(lambda: self._store.fail(run.job.id, shown)):
            self._emit(Message("failed", {"job": run.job.id, "state": state, **shown.to_dict()}))

    def _write(self, change: Callable[[], None]) -> bool:
        """Make a change of the job list, again and again while that cannot be written; False when stopped meanwhile."""
        while True:
            try:
                change()
                return True
            except sqlite3.Error:
                log.exception("the job list cannot be written; tried again in %g s", RETRY_SECONDS)
            if self._stopping.wait(RETRY_SECONDS):
                return False

    def _load(self) -> Pipeline:
        if self._pipeline is None:
            started = time.monotonic()
            self._pipeline = self._factory()
            log.info("models loaded in %.1f s", time.monotonic() - started)
        return self._pipeline

    def _unload(self) -> None:
        self._pipeline = None
        release_memory()
        self._look_at_device()

    def _look_at_device(self) -> None:
        try:
            self.device = self._probe()
        except Exception as error:
            log.warning("the device cannot be described: %s: %s", type(error).__name__, error)

    def _should_end(self) -> bool:
        return self._cancel.is_set() or self._stopping.is_set()


class _JobRun:
    """One job from `loading` to its last event."""

    def __init__(self, job: Job, runner: JobRunner) -> None:
        self.job = job
        self.stage = "load"
        self.tried: list[GenerateRequest] = []
        self._runner = runner
        self._state = LOADING
        self._throttle = Throttle()
        self._clock = StageClock({})

    @property
    def private(self) -> tuple[str, ...]:
        """The texts that must not get into the log."""
        if self._runner._log_prompts:
            return ()
        return tuple(str(self.job.request.get(name, "")) for name in ("prompt", "negative_prompt"))

    def work(self) -> None:
        """Run the job to its end; raises whatever goes wrong."""
        runner, job = self._runner, self.job
        started = time.monotonic()
        request = GenerateRequest.from_dict(job.request)
        said = repr(request.prompt) if runner._log_prompts else f"of {len(request.prompt)} characters"
        log.info("job %s: attempt %d, prompt %s, seed %d", job.id, job.attempts, said, request.seed)
        self._clock = StageClock(runner._store.timings(_settings(job.kind, request)))
        if not runner.loaded:
            self._report("load", 0, 1, None)
        pipeline = runner._load()
        self._end_if_asked()
        self._enter(RUNNING)
        avatars = self._run(pipeline, request)
        self._end_if_asked()
        self._enter(SAVING)
        folder = runner._results.stage(job.id)
        for index, avatar in enumerate(avatars):
            self._report("save", index, len(avatars), None)
            target = folder / str(index)
            target.mkdir()
            avatar.save(target)
            self._end_if_asked()
        record: dict[str, Any] = {"kind": job.kind, "request": job.request, "created": job.created}
        record["seconds"] = round(time.monotonic() - started, 2)
        if len(self.tried) > 1:
            made = self.tried[-1]
            record["lowered"] = {"hypotheses": made.hypotheses, "texture_size": made.texture_size}
        result = runner._results.commit(job.id, record)
        self._clock.enter("")
        spent = {stage: seconds for stage, seconds in self._clock.spent().items() if stage != "load"}
        # From here on the job is done, whatever happens: its files are in place.
        if runner._write(lambda: runner._store.finish(job.id, result)):
            log.info("job %s: done in %.1f s", job.id, result["seconds"])
            runner._emit(Message("done", {"job": job.id, "state": DONE, **result}))
            runner._write(lambda: runner._store.remember_timings(_settings(job.kind, self.tried[-1]), spent))

    def _run(self, pipeline: Pipeline, request: GenerateRequest) -> list[Any]:
        """The avatars; when the memory does not suffice, those of a lighter request, once."""
        self.tried.append(request)
        try:
            return self._call(pipeline, request)
        except Exception as error:
            smaller = lighter(request)
            if len(self.tried) > 1 or smaller is None or not is_out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)
            log.warning("job %s: out of memory in the stage '%s': %s", self.job.id, self.stage, error)
        # Outside the handler: its error, and the tensors of the failed step with it, are gone.
        release_memory()
        self._end_if_asked()
        wanted, texture = smaller.hypotheses, smaller.texture_size
        log.info("job %s: tried again with %d hypotheses at %d pixels", self.job.id, wanted, texture)
        self._clock = StageClock(self._runner._store.timings(_settings(self.job.kind, smaller)))
        return self._run(pipeline, smaller)

    def _call(self, pipeline: Pipeline, request: GenerateRequest) -> list[Any]:
        runner = self._runner
        if not request.photo:
            return pipeline(request, progress=self._report, cancelled=runner._should_end)
        photo = runner._results.photo(self.job.id)
        if self.job.kind == "fit_photo":
            self._report("photo", 0, 1, None)
            return [pipeline.sitter(request, photo, runner._should_end)]
        photos = {"photo": photo}
        if request.back_photo:
            photos["back_photo"] = runner._results.back_photo(self.job.id)
        return pipeline(request, progress=self._report, cancelled=runner._should_end, **photos)

    def _enter(self, state: str) -> None:
        self._state = state
        self._runner._store.advance(self.job.id, state)

    def _end_if_asked(self) -> None:
        if self._runner._should_end():
            raise cancelled_error()

    def _report(self, stage: str, step: int, steps: int, preview: Image | None = None) -> None:
        changed = self._clock.enter(stage)
        self.stage = stage
        progress = Progress(self.job.id, self._state, stage, int(step), int(steps), self._clock.eta())
        self._runner.progress = progress
        if self._throttle.lets_through(changed or step >= steps):
            frames = () if preview is None else (encode_preview(preview),)
            self._runner._emit(Message("progress", progress.to_dict(), frames))


def _settings(kind: str, request: GenerateRequest) -> str:
    """What the time a job takes depends on."""
    if kind == "fit_photo":
        return kind
    photo = "two photos, " if request.back_photo else "photo, " if request.photo else ""
    mesh = f"{request.triangles} tris" if request.topology == "free" else request.topology
    return f"{photo}{request.hypotheses} x {request.steps} steps, {request.texture_size} px, {mesh}"
