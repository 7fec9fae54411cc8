"""The worker's sockets: lets clients in, answers their requests, passes the runner's events on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import zmq

from ..photo.networks import require, why_unavailable
from ..protocol.errors import DoppelError
from ..protocol.jobs import DONE, QUEUED, TERMINAL
from ..protocol.messages import MAX_HEADER_BYTES, REQUEST_FRAMES, WIRE_OVERHEAD, Message, decode, encode
from ..protocol.paths import LOG_FILE, WORKER_INFO
from ..protocol.photo import about_back
from ..protocol.request import GenerateRequest
from ..protocol.version import DOPPEL_VERSION, PROTOCOL_VERSION
from .gatekeeper import ZAP_DOMAIN, Gatekeeper
from .keys import make_private_dir, open_key_ring, write_private
from .lock import StoreLock
from .parent import ParentWatch
from .results import ResultFolders
from .retention import KEEP_BYTES, settle
from .runner import JobRunner, Pipeline, cancelled_error
from .store import Job, JobStore

TICK_SECONDS = 0.25
PEER_SECONDS = 60.0
STOP_GRACE_SECONDS = 10.0
MAX_LISTED = 50
_BURST = 100  # messages handled before the other sockets are looked at again
_QUEUED_IN, _QUEUED_OUT = 100, 200  # messages that wait for one client's sake; beyond, it must wait, or loses some

log = logging.getLogger(__name__)


class WorkerServer:
    """One worker on one state folder.

    Opening it takes the folder's lock, settles jobs a dead worker left, and binds the port; :meth:`run` then serves
    until :meth:`stop`, a `shutdown` request, or the end of the parent process.

    Args:
        state: folder for keys, jobs and the job list; created when missing.
        pipeline_factory: makes the pipeline, when the first job needs it.
        probe: describes the device, see :func:`backend.worker.device.describe_device`.
        host: address to listen on; anything but loopback is reachable from the network by authorised keys only.
        port: port to listen on; 0 lets the system choose.
        models: what `hello` says about the models.
        parent_pid: the process to end with.
        idle_seconds: the models are dropped after so long without a job.
        keep_bytes: the oldest finished jobs are removed when the files of all take more.
        log_prompts: whether prompts may be written to the log.

    Raises:
        DoppelError: ``store_busy``, ``state_unwritable``, ``store_unreadable``, ``port_unavailable``, ...
    """

    def __init__(
        self,
        state: Path,
        pipeline_factory: Callable[[], Pipeline],
        probe: Callable[[], dict[str, Any]],
        host: str = "127.0.0.1",
        port: int = 0,
        models: list[dict[str, Any]] | None = None,
        parent_pid: int | None = None,
        idle_seconds: float = 600.0,
        keep_bytes: int = KEEP_BYTES,
        log_prompts: bool = False,
    ) -> None:
        self._state = state.absolute()
        self._models = models or []
        self._parent = None if parent_pid is None else ParentWatch(parent_pid)
        self._stopping = threading.Event()
        self._peers: dict[bytes, float] = {}
        self._handlers: dict[str, Callable[[Message], Message]] = {
            "hello": self._hello,
            "generate": self._generate,
            "fit_photo": self._fit_photo,
            "cancel": self._cancel,
            "status": self._status,
            "results": self._list_or_read,
            "delete": self._delete,
            "shutdown": self._shutdown,
        }
        try:
            make_private_dir(self._state)
        except OSError as error:
            raise DoppelError(
                "state_unwritable", f"{state} cannot be created: {error}", "choose another folder with --state"
            ) from None
        with ExitStack() as opened:
            lock = StoreLock(self._state / "worker.lock")
            lock.acquire()
            opened.callback(lock.release)
            (self._state / WORKER_INFO).unlink(missing_ok=True)
            self._keys = open_key_ring(self._state)
            self._results = ResultFolders(self._state)
            self._store = JobStore(self._state / "jobs.sqlite3")
            opened.callback(self._store.close)
            settle(self._store, self._results)
            self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
            opened.callback(self._context.destroy)
            self._gate = Gatekeeper(self._context, self._keys.accepts)
            self._router = self._bind(host, port)
            self._inbox = self._context.socket(zmq.PULL)
            self._inbox.bind("inproc://events")
            self._outbox = self._context.socket(zmq.PUSH)  # used by the runner's thread only
            self._outbox.sndhwm = self._outbox.linger = 0
            self._outbox.connect("inproc://events")
            self._opened = opened.pop_all()
        self._runner = JobRunner(
            self._store,
            self._results,
            pipeline_factory,
            self._emit,
            self._state / LOG_FILE,
            probe,
            idle_seconds,
            keep_bytes,
            log_prompts,
        )

    def _emit(self, message: Message) -> None:
        self._outbox.send_multipart(encode(message))

    def _bind(self, host: str, port: int) -> zmq.Socket[bytes]:
        router = self._context.socket(zmq.ROUTER)
        router.curve_server = True
        router.curve_secretkey = self._keys.secret.encode("ascii")
        router.zap_domain = ZAP_DOMAIN
        # Before a frame is read, and before its sender has proved who it is: nothing larger than a served request has.
        largest = max(MAX_HEADER_BYTES, *(REQUEST_FRAMES.get(name, 0) for name in self._handlers))
        router.maxmsgsize = largest + WIRE_OVERHEAD
        router.rcvhwm, router.sndhwm = _QUEUED_IN, _QUEUED_OUT
        router.router_handover = True
        router.handshake_ivl = 5_000
        router.heartbeat_ivl, router.heartbeat_timeout = 5_000, 20_000
        router.linger = 500
        try:
            router.bind(f"tcp://{host}:{port or '*'}")
        except zmq.ZMQError as error:
            raise DoppelError(
                "port_unavailable",
                f"the worker cannot listen on {host}, port {port or 'of the system’s choice'}: {error.strerror}",
                "choose another --port, or allow it in the firewall or antivirus",
            ) from None
        return router

    @property
    def ready(self) -> dict[str, Any]:
        """What a client needs to connect: the ready line's object."""
        endpoint = self._router.getsockopt_string(zmq.LAST_ENDPOINT).replace("//0.0.0.0:", "//127.0.0.1:")
        return {
            "ready": True,
            "endpoint": endpoint,
            "port": int(endpoint.rpartition(":")[2]),
            "public_key": self._keys.public,
            "pid": os.getpid(),
            "protocol": PROTOCOL_VERSION,
            "version": DOPPEL_VERSION,
            "state": str(self._state),
        }

    def stop(self) -> None:
        """End :meth:`run` soon; may be called from any thread and from a signal handler."""
        self._stopping.set()

    def run(self) -> bool:
        """Serve until stopped, then close everything.

        Returns:
            False when the running job did not let go within `STOP_GRACE_SECONDS`: its thread still uses the store, so
            the store and the lock stay open until the process ends.
        """
        log.info("worker %s listens on %s", DOPPEL_VERSION, self.ready["endpoint"])
        write_private(self._state / WORKER_INFO, json.dumps(self.ready))
        self._runner.start()
        poller = zmq.Poller()
        for socket in (self._gate.socket, self._router, self._inbox):
            poller.register(socket, zmq.POLLIN)
        try:
            while not self._stopping.is_set():
                waiting = dict(poller.poll(int(TICK_SECONDS * 1000)))
                if self._gate.socket in waiting:
                    self._gate.answer()
                if self._router in waiting:
                    self._serve()
                if self._inbox in waiting:
                    self._pass_events_on()
                if self._parent is not None and self._parent.gone():
                    log.info("the parent process is gone")
                    break
        finally:
            clean = self._close()
        return clean

    def _close(self) -> bool:
        (self._state / WORKER_INFO).unlink(missing_ok=True)  # first, so that nobody takes this worker for one to use
        self._runner.stop()
        self._runner.join(STOP_GRACE_SECONDS)
        clean = not self._runner.is_alive()
        self._pass_events_on()
        log.info("worker stopped%s", "" if clean else ", leaving a job that did not let go")
        if clean:
            self._opened.close()
        return clean

    # Messages

    def _serve(self) -> None:
        for _ in range(_BURST):
            try:
                identity, *parts = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._answer(identity, parts)

    def _answer(self, identity: bytes, parts: list[bytes]) -> None:
        request_id = ""
        try:
            message = decode(parts, "this worker", "the client")
            request_id = message.text("id", limit=64)
            if message.type != "hello" and identity not in self._peers:
                raise DoppelError("hello_missing", "the first message must be hello", "connect again")
            handler = self._handlers.get(message.type)
            if handler is None:
                raise DoppelError(
                    "unsupported",
                    f"this worker cannot serve '{message.type}'",
                    "ask only for what its hello lists as capabilities",
                )
            self._peers[identity] = time.monotonic()
            parts_out = _reply(handler(message), request_id)
        except DoppelError as error:
            fields = error.to_dict()
            if parts and error.code != "protocol_mismatch":
                fields.update(_job_of(parts))
            parts_out = _reply(Message("failed", fields), request_id)
        except sqlite3.Error as error:
            log.exception("the job list cannot be used")
            failure = DoppelError(
                "store_unwritable", f"the worker's job list cannot be used: {error}", "free some space on its disk"
            )
            parts_out = _reply(Message("failed", failure.to_dict()), request_id)
        except Exception:
            log.exception("a request could not be answered")
            failure = DoppelError(
                "internal",
                "the worker could not answer because of an unexpected error",
                f"the details are in {self._state / LOG_FILE}",
            )
            parts_out = _reply(Message("failed", failure.to_dict()), request_id)
        self._send(identity, parts_out)

    def _send(self, identity: bytes, parts: list[bytes]) -> None:
        try:
            self._router.send_multipart([identity, *parts], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            log.warning("a message to a client was lost: %s", error)

    def _pass_events_on(self) -> None:
        oldest = time.monotonic() - PEER_SECONDS
        self._peers = {identity: heard for identity, heard in self._peers.items() if heard > oldest}
        while True:
            try:
                parts = self._inbox.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._tell_all(parts)

    def _tell_all(self, parts: list[bytes]) -> None:
        for identity in self._peers:
            self._send(identity, parts)

    # Requests

    def _hello(self, message: Message) -> Message:
        fields = {
            "protocol": PROTOCOL_VERSION,
            "version": DOPPEL_VERSION,
            "pid": os.getpid(),
            "models": self._models,
            "capabilities": sorted(self._handlers.keys() - ({"fit_photo"} if why_unavailable() else set())),
            "photo": why_unavailable() or "ready",
            "worker": self._about(),
        }
        return Message("hello", fields)

    def _about(self) -> dict[str, Any]:
        return {"device": self._runner.device, "loaded": self._runner.loaded}

    def _generate(self, message: Message) -> Message:
        return self._queue(message, "generate", GenerateRequest.from_dict(message.fields.get("request")))

    def _fit_photo(self, message: Message) -> Message:
        request = GenerateRequest.from_dict(message.fields.get("request"))
        if not request.photo:
            raise DoppelError("photo_invalid", "the request names no photo", "send a photo's sha256 and its bytes")
        return self._queue(message, "fit_photo", request)

    def _queue(self, message: Message, kind: str, request: GenerateRequest) -> Message:
        job_id = message.job
        known = self._store.get(job_id)
        if request.photo and known is None:
            self._results.keep_photos(job_id, *_photos_of(message, request))
        job, new = self._store.add(job_id, kind, request.to_dict())
        if new:
            log.info("job %s: queued", job.id)
            self._runner.wake()
        elif job.state in TERMINAL:
            return _ending(job)
        return Message("accepted", {**self._state_of(job), "duplicate": not new})

    def _cancel(self, message: Message) -> Message:
        job = self._known(message.job)
        if self._store.cancel_waiting(job.id, cancelled_error()):
            log.info("job %s: cancelled while waiting", job.id)
            self._results.drop_photos(job.id)
            return _ending(self._known(job.id))
        self._cancel_running(job.id)
        job = self._known(job.id)
        return _ending(job) if job.state in TERMINAL else Message("cancel", self._state_of(job))

    def _cancel_running(self, job_id: str) -> None:
        self._store.mark_cancelled(job_id, cancelled_error())  # or a crash before its end would run it again
        self._runner.cancel(job_id)

    def _status(self, message: Message) -> Message:
        names = message.fields.get("jobs", [])
        if not isinstance(names, list) or len(names) > MAX_LISTED:
            raise DoppelError("field_invalid", f"'jobs' must be a list of at most {MAX_LISTED} job ids")
        wanted = [self._store.get(name) for name in names if isinstance(name, str)]
        jobs = [{**_asked_for(job), **self._state_of(job)} for job in wanted if job is not None]
        waiting = [job.id for job in self._store.unfinished()]
        return Message("status", {"worker": self._about(), "jobs": jobs, "unfinished": waiting[:MAX_LISTED]})

    def _list_or_read(self, message: Message) -> Message:
        if "file" in message.fields:
            name = message.text("file")
            offset = message.integer("offset", 0, 0, 2**53)
            data, size = self._results.read(message.job, name, offset)
            fields = {"job": message.job, "file": name, "offset": offset, "size": size}
            return Message("results", fields, (data,))
        limit = message.integer("limit", MAX_LISTED, 1, MAX_LISTED)
        before = message.integer("before", 2**53, 0, 2**53)
        page = self._store.finished(limit, before)
        jobs = [
            {**_asked_for(job), **_result_of(job), **found}
            for job in page
            if (found := self._results.find(job.id)) is not None
        ]
        return Message("results", {"jobs": jobs, "before": page[-1].seq if len(page) == limit else None})

    def _delete(self, message: Message) -> Message:
        job = self._known(message.job)
        if job.state not in TERMINAL:
            raise DoppelError("job_busy", "the job is not over yet", "cancel it first")
        self._results.remove(job.id)
        self._store.delete(job.id)
        gone = Message("delete", {"job": job.id})
        self._tell_all(encode(gone))
        return gone

    def _shutdown(self, message: Message) -> Message:
        if message.flag("cancel_jobs"):
            for job in self._store.unfinished():
                if not self._store.cancel_waiting(job.id, cancelled_error()):
                    self._cancel_running(job.id)
        log.info("shutdown was asked for")
        self._stopping.set()
        return Message("shutdown")

    def _known(self, job_id: str) -> Job:
        job = self._store.get(job_id)
        if job is None:
            raise DoppelError("job_unknown", "the worker knows no such job", "it may have been deleted")
        return job

    def _state_of(self, job: Job) -> dict[str, Any]:
        progress = self._runner.progress
        if job.state in TERMINAL:
            ending = _ending(job)
            return {**ending.fields, "state": job.state}
        if progress is not None and progress.job == job.id:
            return {**progress.to_dict(), "state": job.state}
        return {"job": job.id, "state": job.state, "ahead": self._store.position(job) if job.state == QUEUED else 0}


def _photos_of(message: Message, request: GenerateRequest) -> list[bytes]:
    """The photos in a message's frames, once it is sure that they are those which the request names."""
    require()
    frames = [*message.frames, b"", b""]
    _check_photo(frames[0], request.photo)
    if not request.back_photo:
        return frames[:1]
    with about_back():
        _check_photo(frames[1], request.back_photo)
    return frames[:2]


def _check_photo(data: bytes, digest: str) -> None:
    if hashlib.sha256(data).hexdigest() != digest:
        raise DoppelError(
            "photo_invalid", "the message does not carry the photo that its request names", "send the file again"
        )


def _reply(message: Message, request_id: str) -> list[bytes]:
    return encode(Message(message.type, {**message.fields, "id": request_id}, message.frames))


def _ending(job: Job) -> Message:
    """The event that a job which is over ended with."""
    if job.state == DONE:
        return Message("done", {"state": DONE, **_result_of(job)})
    return Message("failed", {"job": job.id, "state": job.state, **DoppelError.from_dict(job.error).to_dict()})


def _result_of(job: Job) -> dict[str, Any]:
    return {"job": job.id, "created": job.created, "finished": job.finished, **(job.result or {})}


def _asked_for(job: Job) -> dict[str, Any]:
    """What a client that did not send the job itself shows of it."""
    request = job.request
    return {
        "kind": job.kind,
        "prompt": str(request.get("prompt"))[:80],
        "seed": request.get("seed"),
        "hypotheses": request.get("hypotheses"),
    }


def _job_of(parts: list[bytes]) -> dict[str, str]:
    """The job that a refused request was about, so that its sender can tell."""
    try:
        return {"job": decode(parts).job}
    except DoppelError:
        return {}
