# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's client: one background thread without bpy, a queue in each direction, nothing that blocks.

    client = WorkerClient()
    client.connect(WorkerAddress.from_ready(ready, state))
    client.generate(new_job_id(), GenerateRequest(prompt="a man in a blue suit"))
    ...
    for event in client.pump():        # from a timer, or by hand where timers do not fire
        ...
    client.close()

The client says hello by itself, asks how its jobs are every two seconds, and connects again when the worker was away.
Jobs that are not over are sent again after each hello, and so are the wishes to cancel them; the worker knows jobs by
their ids and does not run them twice. Whether an event was lost on the way or happened while the client was away, its
job's `done` or `failed` is delivered exactly once.
"""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from ..backend.protocol.address import WorkerAddress
from ..backend.protocol.errors import DoppelError
from ..backend.protocol.jobs import DONE, TERMINAL, check_job_id
from ..backend.protocol.messages import ANSWER_FRAMES, WIRE_OVERHEAD, Message, decode, encode
from ..backend.protocol.request import GenerateRequest
from ..backend.protocol.version import DOPPEL_VERSION
from .core.download import Download
from .core.images import is_step_picture
from .core.inbox import Inbox, WorkerEvent

HELLO_SECONDS = 10.0
HEARTBEAT_SECONDS = 2.0
SILENCE_SECONDS = 20.0
RETRY_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
MAX_PENDING = 200
_TICK_SECONDS = 0.25
_LISTED = 50
_ENDED = tuple(TERMINAL)  # a tuple: what a peer sends may not be hashable

_FOR_DOWNLOAD = "download"  # the id of requests that the client makes for a download

_Command = Callable[["_Connection"], None]


class WorkerClient:
    """Talks to one worker at a time. Every method returns at once; call them from one thread.

    Args:
        silence_seconds: a worker that says nothing for so long counts as lost.
    """

    def __init__(self, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._inbox = Inbox()
        self._commands: queue.SimpleQueue[_Command | None] = queue.SimpleQueue()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        wake = f"inproc://wake-{id(self)}"
        self._waker = self._context.socket(zmq.PUSH)
        self._waker.linger = 0
        self._waker.bind(wake)
        self._connection = _Connection(self._context, wake, self._commands, self._inbox, silence_seconds)
        self._closed = False

    @property
    def connected(self) -> bool:
        """Whether the worker has answered hello and has been heard since."""
        return self._connection.online

    @property
    def open_jobs(self) -> tuple[str, ...]:
        """Ids of the jobs that were sent and are not over."""
        return tuple(self._connection.jobs)

    def connect(self, address: WorkerAddress) -> None:
        """Connect to the worker at `address`, leaving any other; jobs that are not over go along."""
        self._do(lambda connection: connection.open(address))

    def disconnect(self) -> None:
        """Leave the worker. Jobs that are not over are kept for the next :meth:`connect`."""
        self._do(lambda connection: connection.leave())

    def generate(self, job: str, request: GenerateRequest, *photos: bytes) -> None:
        """Send a request under the id `job` (see `new_job_id`), now or as soon as a worker is there.

        Answered by `accepted`, `progress`, and `done` or `failed`. `photos` are the files that the request names: none,
        the one from the front, or that and the one from behind.

        Raises:
            DoppelError: at once, when the request is not valid.
        """
        self._submit("generate", job, request, photos)

    def fit_photo(self, job: str, request: GenerateRequest, photo: bytes) -> None:
        """Have a body fitted to the photo that the request names; all else is as with `generate`."""
        self._submit("fit_photo", job, request, (photo,))

    def _submit(self, kind: str, job: str, request: GenerateRequest, photos: tuple[bytes, ...]) -> None:
        fields = {"id": check_job_id(job), "job": job, "request": request.validate().to_dict()}
        message = Message(kind, fields, photos)
        self._do(lambda connection: connection.submit(job, message))

    def cancel(self, job: str) -> None:
        """End a job; it fails with the code ``cancelled``, unless it is done first."""
        check_job_id(job)
        self._do(lambda connection: connection.cancel(job))

    def request(self, type: str, **fields: Any) -> str:
        """Send any request, now or after the next hello; its answer is an event that bears the returned id.

        ``status``, ``results`` (of all jobs: ``limit``, ``before``), ``delete`` (``job``), ``shutdown``
        (``cancel_jobs``). An answer does not come when the connection is lost first; ask again after `connected`.
        """
        request = uuid.uuid4().hex
        self._do(lambda connection: connection.send_later(Message(type, {**fields, "id": request})))
        return request

    def shutdown(self, cancel_jobs: bool = False) -> None:
        """Ask the worker to end. Its unfinished jobs wait for the next worker, unless they are to be cancelled."""
        self.request("shutdown", cancel_jobs=cancel_jobs)

    def download(self, job: str, avatars: list[dict[str, Any]], folder: Path) -> None:
        """Fetch a finished job's files from a worker whose disk is not ours; `avatars` is of its `done` event.

        Answered by `progress` of the stage ``download`` (in bytes) and `downloaded`, or by `failed`.

        Raises:
            DoppelError: at once, when `folder` exists or the list cannot be used.
        """
        download = Download(check_job_id(job), avatars, folder)
        self._do(lambda connection: connection.download(download))

    def pump(self, limit: int = 100) -> list[WorkerEvent]:
        """The events since the last call, oldest first, at most `limit`; of a job's progress only the latest."""
        return self._inbox.take(limit)

    def close(self, timeout: float = 2.0) -> None:
        """Send what is waiting and end the thread, waiting `timeout` seconds at the most. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if self._connection.ident is None:
            self._context.destroy(linger=0)
            return
        self._commands.put(None)
        self._wake()
        self._waker.close()  # the thread closes what else there is: that may take a moment
        self._connection.join(timeout)

    def _do(self, command: _Command) -> None:
        if self._closed:
            raise DoppelError("client_closed", "the connection to the worker was closed", "make a new client")
        if self._connection.ident is None:
            self._connection.start()
        self._commands.put(command)
        self._wake()

    def _wake(self) -> None:
        try:
            self._waker.send(b"", zmq.NOBLOCK)
        except zmq.Again:
            pass  # the thread is just starting, or has wake-ups enough
        except zmq.ZMQError:
            if not self._closed:  # else it has seen the end by itself, and ended the context
                raise


class _Connection(threading.Thread):
    """The thread: owns the socket. Offline, greeting (hello sent) or online.

    Names that Thread has of its own must not be used: `_handle` since Python 3.13, `_context` since 3.14.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        wake: str,
        commands: queue.SimpleQueue[_Command | None],
        inbox: Inbox,
        silence_seconds: float,
    ) -> None:
        super().__init__(name="doppel-client", daemon=True)
        self._sockets = context
        self._wake = wake
        self._commands = commands
        self._inbox = inbox
        self._silence = silence_seconds
        self._identity = uuid.uuid4().bytes
        self._address: WorkerAddress | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._cancelled: set[str] = set()
        self._asked_about: list[str] = []
        self._ending = False
        self._pending: list[Message] = []
        self._downloads: dict[str, Download] = {}
        self._failures = 0
        self._retry_at: float | None = None
        self._opened = self._heard = self._asked = 0.0
        self.online = False
        self.jobs: dict[str, Message] = {}

    # Commands, run on the thread

    def open(self, address: WorkerAddress) -> None:
        """Go to another worker."""
        self._failures = 0
        self._address = address
        self._dial()

    def leave(self) -> None:
        """Go offline and stay there."""
        self._address = self._retry_at = None
        self._hang_up()

    def submit(self, job: str, message: Message) -> None:
        """Send a job and remember it until it is over."""
        self.jobs = {**self.jobs, job: message}
        if self.online:
            self._send_job(job)

    def cancel(self, job: str) -> None:
        """Ask for a job's end, and again after the next hello if it is not over by then."""
        if job in self.jobs:
            self._cancelled.add(job)
            if self.online:
                self._send_cancel(job)
        else:
            self.send_later(Message("cancel", {"id": job, "job": job}))

    def send_later(self, message: Message) -> None:
        """Send now, or after the next hello."""
        if self.online:
            self._send(message)
        elif len(self._pending) < MAX_PENDING:
            self._pending.append(message)

    def download(self, download: Download) -> None:
        """Begin to fetch a job's files."""
        self._downloads[download.job] = download
        if self.online:
            self._fetch(download)

    # The loop

    def run(self) -> None:
        """Serve commands and the socket until told to end."""
        wake = self._sockets.socket(zmq.PULL)
        wake.linger = 0
        wake.connect(self._wake)
        try:
            while self._run_commands():
                poller = zmq.Poller()
                # A full inbox is not filled further: the worker's messages wait in the socket, then at the worker.
                reading = None if self._inbox.full else self._socket
                for socket in (wake, reading, self._monitor):
                    if socket is not None:
                        poller.register(socket, zmq.POLLIN)
                ready = dict(poller.poll(int(_TICK_SECONDS * 1000)))
                if wake in ready:
                    wake.recv()
                if self._socket in ready:
                    self._receive()
                if self._monitor in ready:
                    self._watch_connection()
                self._keep_alive()
        except zmq.ZMQError as error:
            self._refused(
                DoppelError(
                    "client_failed",
                    f"the connection to the worker failed: {error.strerror}",
                    "disable and enable the extension, or start Blender again",
                )
            )
        finally:
            self._hang_up(linger=500)
            wake.close()
            self._sockets.term()

    def _run_commands(self) -> bool:
        while True:
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                return True
            if command is None:
                return False
            command(self)

    def _dial(self) -> None:
        self._hang_up()
        address = self._address
        assert address is not None
        self._retry_at = None
        self._opened = time.monotonic()
        socket = self._sockets.socket(zmq.DEALER)
        socket.linger = 0
        socket.routing_id = b"\x01" + self._identity
        socket.maxmsgsize = max(ANSWER_FRAMES.values()) + WIRE_OVERHEAD
        socket.heartbeat_ivl, socket.heartbeat_timeout = 5_000, 20_000
        try:
            socket.curve_serverkey = address.worker_key.encode("ascii")
            socket.curve_publickey = address.client_key.encode("ascii")
            socket.curve_secretkey = address.client_secret.encode("ascii")
            self._monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_DISCONNECTED)
            socket.connect(address.endpoint)
        except zmq.ZMQError as error:
            self._socket = socket
            self._refused(
                DoppelError(
                    "endpoint_invalid",
                    f"no connection can be made to {address.endpoint}: {error.strerror}",
                    "check the worker's address and key in the preferences",
                )
            )
            return
        self._socket = socket
        self._send(Message("hello", {"version": DOPPEL_VERSION}))

    def _hang_up(self, linger: int = 0) -> None:
        self.online = False
        socket, self._socket = self._socket, None
        monitor, self._monitor = self._monitor, None
        if socket is not None:
            if monitor is not None:
                socket.disable_monitor()
                monitor.close()
            socket.close(linger=linger)

    def _send(self, message: Message) -> None:
        assert self._socket is not None
        try:
            self._socket.send_multipart(encode(message), zmq.NOBLOCK)
        except zmq.Again:
            pass  # the worker is not reading; the silence will be noticed
        except DoppelError as error:
            job, request = _text(message.fields, "job"), _text(message.fields, "id")
            self._inbox.put(WorkerEvent("failed", job, error.to_dict(), error=error, request=request))

    def _send_job(self, job: str) -> None:
        self._send(self.jobs[job])

    def _send_cancel(self, job: str) -> None:
        self._send(Message("cancel", {"id": job, "job": job}))

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if self._inbox.full:  # it is Blender that is busy, not the worker that is silent
            self._heard = self._opened = now
        if self._retry_at is not None and now >= self._retry_at:
            self._dial()
        elif self._socket is None:
            return
        elif not self.online:
            if now - self._opened > HELLO_SECONDS:
                self._lost("the worker does not answer")
        elif now - self._heard > self._silence:
            self._lost(f"the worker has been silent for {self._silence:g} seconds")
        elif now - self._asked > HEARTBEAT_SECONDS:
            self._ask()

    def _ask(self) -> None:
        """The heartbeat: the worker keeps the clients that it hears of, and answers with the states of the jobs."""
        self._asked = time.monotonic()
        self._asked_about = list(self.jobs)[:_LISTED]
        self._send(Message("status", {"jobs": self._asked_about}))

    def _lost(self, why: str) -> None:
        was_online = self.online
        self._hang_up()
        delay = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        self._retry_at = time.monotonic() + delay
        if self._ending:
            self._ending = False
            error = DoppelError("worker_ended", "the worker has ended, as it was asked to", "start it again to go on")
            self._inbox.put(WorkerEvent("disconnected", fields=error.to_dict(), error=error))
        elif was_online or self._failures == 1:
            error = DoppelError("worker_lost", why, "it is tried again; if that does not help, restart the worker")
            self._inbox.put(WorkerEvent("disconnected", fields=error.to_dict(), error=error))

    def _refused(self, error: DoppelError) -> None:
        self._retry_at = None
        self._hang_up()
        self._inbox.put(WorkerEvent("refused", fields=error.to_dict(), error=error))

    def _watch_connection(self) -> None:
        assert self._monitor is not None
        if recv_monitor_message(self._monitor)["event"] == zmq.EVENT_DISCONNECTED:
            self._lost("the connection to the worker broke")
            return
        self._refused(
            DoppelError(
                "key_refused",
                "the worker does not know this client's key",
                "use the client key from the worker's state folder, or add this one to its keys/authorized_keys",
            )
        )

    # Messages

    def _receive(self) -> None:
        while self._socket is not None and not self._inbox.full:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._heard = time.monotonic()
            try:
                message = decode(parts, "the extension", "the worker")
                self._take(message)
            except DoppelError as error:
                if error.code == "protocol_mismatch":
                    self._refused(error)
                # Anything else is noise from a broken worker: what it should have said is asked for by the heartbeat.

    def _take(self, message: Message) -> None:
        fields = message.fields
        job, request = _text(fields, "job"), _text(fields, "id")
        if message.type == "hello":
            self._greet(message)
        elif message.type == "failed" and fields.get("code") == "hello_missing":
            self._lost("the worker has forgotten this client")
        elif request == _FOR_DOWNLOAD:
            self._take_piece(message)
        elif message.type == "status" and not request:
            self._catch_up(message)
        elif message.type == "shutdown":
            self._ending = True
            self._deliver(message)
        elif message.type == "progress" and not all(map(is_step_picture, message.frames)):
            self._deliver(Message(message.type, fields))
        elif fields.get("state") in _ENDED or (message.type == "failed" and request and request == job):
            self._end(message, job)
        else:
            self._deliver(message)

    def _greet(self, message: Message) -> None:
        self.online = True
        self._failures = 0
        self._ending = False
        self._deliver(message, kind="connected")
        for job in self.jobs:
            self._send_job(job)
        for job in self._cancelled:
            self._send_cancel(job)
        pending, self._pending = self._pending, []
        for waiting in pending:
            self._send(waiting)
        for download in self._downloads.values():
            self._fetch(download)

    def _catch_up(self, message: Message) -> None:
        """Read the heartbeat's answer: deliver the ends of jobs whose own event was lost."""
        entries = message.fields.get("jobs")
        known = {
            _text(entry, "job"): entry
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict)
        }
        for job in self._asked_about:
            entry = known.get(job)
            if job not in self.jobs:
                continue
            if entry is None:
                self._send_job(job)
            elif entry.get("state") in _ENDED:
                self._end(Message("done" if entry["state"] == DONE else "failed", entry), job)
        self._deliver(message)

    def _end(self, message: Message, job: str) -> None:
        if job in self.jobs:  # else it is another client's, or its end was delivered already
            self.jobs = {name: message for name, message in self.jobs.items() if name != job}
            self._cancelled.discard(job)
            self._deliver(message)

    def _deliver(self, message: Message, kind: str = "") -> None:
        fields = message.fields
        error = DoppelError.from_dict(fields) if message.type == "failed" else None
        job, request = _text(fields, "job"), _text(fields, "id")
        self._inbox.put(WorkerEvent(kind or message.type, job, fields, message.frames, error, request))

    # Downloads

    def _fetch(self, download: Download) -> None:
        if download.complete:
            self._downloads.pop(download.job, None)
            try:
                download.finish()
            except OSError as error:
                self._stop_download(download, error)
                return
            self._inbox.put(WorkerEvent("downloaded", download.job, {"folder": str(download.folder)}))
        else:
            self._send(Message("results", {"id": _FOR_DOWNLOAD, **download.request()}))

    def _take_piece(self, message: Message) -> None:
        download = self._downloads.get(_text(message.fields, "job"))
        if download is None:
            return
        try:
            if message.type == "failed":
                raise DoppelError.from_dict(message.fields)
            if not download.accept(message):
                return
        except (OSError, DoppelError) as error:
            self._stop_download(download, error)
            return
        steps = {"stage": "download", "step": download.received, "steps": download.total, "eta": None}
        self._inbox.put(WorkerEvent("progress", download.job, {"job": download.job, **steps}))
        self._fetch(download)

    def _stop_download(self, download: Download, error: OSError | DoppelError) -> None:
        self._downloads.pop(download.job, None)
        if isinstance(error, OSError):
            error = DoppelError(
                "download_failed",
                f"the files cannot be written to {download.folder}: {error.strerror}",
                "free some space or choose another folder",
            )
        self._inbox.put(WorkerEvent("failed", download.job, error.to_dict(), error=error))


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
