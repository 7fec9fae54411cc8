"""What may go wrong at the worker or on the way to it, and Blender's client: it recovers, and each job ends once.

Each test ends with a job that is done, and with the watcher's own check that no tick cost Blender's loop 20 ms.
"""

import json
import os
import random
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import PROGRAM
from doppel_extension.backend.protocol.address import WorkerAddress
from doppel_extension.backend.protocol.jobs import new_job_id
from doppel_extension.backend.protocol.messages import ANSWER_FRAMES, Message, encode
from doppel_extension.blender_addon import client as client_module
from doppel_extension.blender_addon.core import inbox as inbox_module
from doppel_extension.blender_addon.core.process import WorkerProcess
from rude_worker import HELLO
from watcher import extension_address

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client_module, "HELLO_SECONDS", 1.0)
    monkeypatch.setattr(client_module, "RETRY_SECONDS", (0.05, 0.1))


def done(job):
    return encode(Message("done", {"job": job, "state": "done", "avatars": []}))


def progress(job, step):
    fields = {"job": job, "state": "running", "stage": "front", "step": step, "steps": 9}
    return encode(Message("progress", fields))


def ends_once(watcher, job, kind="done"):
    watcher.wait_for(kind, job)
    watcher.settle(0.3)
    assert watcher.count("done", job) + watcher.count("failed", job) == 1
    assert watcher.table.jobs[job].state == kind and watcher.client.open_jobs == ()


def test_a_worker_that_is_silent_for_a_while(rude, watch):
    silent = threading.Event()

    def answer(message):
        if silent.is_set():
            return []
        if message["type"] == "hello":
            return [HELLO]
        silent.set()  # with the job's request it falls silent
        return []

    worker = rude(answer)
    watcher, job = watch(worker.address, silence_seconds=0.6), new_job_id()
    watcher.generate(job)
    assert "silent" in watcher.wait_for("disconnected").error.message
    worker.answer = lambda message: [HELLO] if message["type"] == "hello" else [done(job)]
    watcher.wait_for("connected")
    ends_once(watcher, job)


def test_a_worker_that_takes_its_time(rude, watch):
    def answer(message):
        time.sleep(0.25)
        return [HELLO] if message["type"] == "hello" else [done(message["fields"].get("job", "job-other001"))]

    watcher, job = watch(rude(answer).address), new_job_id()
    watcher.generate(job)
    ends_once(watcher, job)
    assert watcher.count("disconnected") == 0


def test_events_that_come_twice_and_in_the_wrong_order(rude, watch):
    def answer(message):
        if message["type"] == "hello":
            return [progress(job, 3), HELLO, HELLO]
        if message["type"] != "generate":
            return []
        accepted = encode(Message("accepted", {"job": job, "state": "queued", "ahead": 2, "duplicate": False}))
        events = [accepted, *(progress(job, step) for step in range(1, 10)), done(job)] * 2
        random.Random(1).shuffle(events)
        late = [done(job), progress(job, 1), encode(Message("failed", {"job": job, "code": "x", "state": "failed"}))]
        return [*events, *late]

    job = new_job_id()
    watcher = watch(rude(answer).address)
    watcher.generate(job)
    ends_once(watcher, job)
    assert watcher.table.active() == []


def test_a_cancel_that_got_lost_is_sent_again(rude, watch):
    job, seen = new_job_id(), []

    def answer(message):
        seen.append(message["type"])
        if message["type"] == "hello":
            return [HELLO]
        if message["type"] == "cancel" and seen.count("hello") == 2:
            return [encode(Message("failed", {"job": job, "state": "cancelled", "code": "cancelled", "id": job}))]
        return []

    watcher = watch(rude(answer).address, silence_seconds=0.6)
    watcher.generate(job)
    watcher.wait_for("connected")
    watcher.client.cancel(job)
    assert watcher.wait_for("failed", job).error.code == "cancelled"
    assert seen.count("cancel") == 2 and watcher.table.jobs[job].state == "cancelled"


def test_pictures_that_are_none_do_not_reach_blender(rude, watch):
    """A picture of 65535 pixels a side in a few bytes is what Blender would allocate gigabytes for."""
    job = new_job_id()
    header = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + b"IHDR"
    small, huge = (header + side.to_bytes(4, "big") * 2 + bytes(9) for side in (256, 65535))
    pictures = [huge, b"", b"GIF89a", bytes(ANSWER_FRAMES["progress"])]
    frames = [[progress(job, 1)[0], picture] for picture in pictures]
    last = [progress(job, 2)[0], small]

    def answer(message):
        if message["type"] == "hello":
            return [HELLO]
        return [*frames, [progress(job, 1)[0], bytes(ANSWER_FRAMES["progress"] + 1)], last]

    worker = rude(answer)
    watcher = watch(worker.address)
    watcher.generate(job)
    seen = set()
    while small not in seen:
        seen |= set(watcher.wait_for("progress", job).frames)
    assert seen == {small} and watcher.table.jobs[job].preview == small
    worker.answer = lambda message: [done(job)]
    ends_once(watcher, job)


def test_a_flood_while_nobody_reads_is_left_in_the_socket(rude, watch, monkeypatch):
    monkeypatch.setattr(inbox_module, "MAX_EVENTS", 200)
    job = new_job_id()
    flood = [encode(Message("cancel", {"job": job, "state": "running"}))] * 3000

    def answer(message):
        if message["type"] == "hello":
            return [HELLO]
        return [*flood, done(job)] if message["type"] == "generate" else []

    watcher = watch(rude(answer).address, silence_seconds=0.5)
    watcher.generate(job)
    deadline = time.monotonic() + 10
    while not watcher.client._inbox.full:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(1.0)
    assert len(watcher.client._inbox._events) <= 201
    assert watcher.client.connected, "a Blender that does not read took its worker for dead"
    ends_once(watcher, job)


def test_a_worker_of_another_version_and_then_of_the_right_one(rude, watch):
    header = json.dumps({"protocol": 99, "type": "hello", "fields": {}}).encode()
    watcher, job = watch(rude(lambda message: [[header]]).address), new_job_id()
    watcher.generate(job)
    refused = watcher.wait_for("refused").error
    assert str(refused).startswith("the worker speaks protocol 99, the extension protocol ")
    assert "(update the extension" in str(refused)
    updated = rude(lambda message: [HELLO] if message["type"] == "hello" else [done(job)])
    watcher.client.connect(updated.address)
    ends_once(watcher, job)


class CuttingProxy(threading.Thread):
    """Passes bytes between a client and a port, and cuts each connection after so many bytes from the server."""

    def __init__(self, port, cuts):
        super().__init__(daemon=True)
        self._target, self._cuts = port, list(cuts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cut = 0
        self.start()

    def run(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._copy, args=(near, far, None), daemon=True).start()
            left = self._cuts.pop(0) if self._cuts else None
            self._copy(far, near, left)
            self.cut += left is not None

    @staticmethod
    def _copy(source, target, left):
        with source, target:
            while left is None or left > 0:
                try:
                    data = source.recv(65536 if left is None else min(left, 65536))
                    target.sendall(data)
                except OSError:
                    break
                if not data:
                    break
                left = None if left is None else left - len(data)
            for end in (source, target):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self._listener.close()


def test_frames_that_break_off_in_the_middle(server, watch):
    """At 12 places: in the greeting, in the handshake, in a header, in a picture."""
    chance = random.Random(2)
    proxy = CuttingProxy(server.address.endpoint.rpartition(":")[2], sorted(chance.sample(range(10, 6000), 12)))
    theirs = extension_address(server.address)
    endpoint = f"tcp://127.0.0.1:{proxy.port}"
    address = WorkerAddress(endpoint, theirs.worker_key, theirs.client_key, theirs.client_secret)
    watcher, job = watch(address), new_job_id()
    watcher.generate(job, "slow", steps=40)
    ends_once(watcher, job)
    proxy.close()
    assert proxy.cut >= 3, "the job was done before enough was cut"


@pytest.fixture
def keep_worker(tmp_path, watch):
    """A worker process that is kept alive, and the watcher that follows it from one process to the next."""
    command, pauses = (str(PROGRAM),), (0.05,) * 5
    process = WorkerProcess(Path(sys.executable), ROOT, tmp_path / "state", command=command, back_off=pauses)
    watcher = watch()
    pump = watcher.pump

    def follow():
        for event in process.poll():
            if event.kind == "ready":
                watcher.client.connect(event.address)
        pump()

    watcher.pump = follow
    process.start()
    yield process, watcher
    process.stop(wait=15)


def test_a_crash_in_the_middle_of_a_job(keep_worker):
    process, watcher = keep_worker
    job = new_job_id()
    watcher.generate(job, "slow", steps=12)
    watcher.wait_for("progress", job)
    os.kill(process.pid, 9)
    assert watcher.wait_for("disconnected").error.code == "worker_lost"
    ends_once(watcher, job)


def test_a_job_that_crashes_each_worker_fails_and_the_next_is_done(keep_worker):
    _, watcher = keep_worker
    deadly, job = new_job_id(), new_job_id()
    watcher.generate(deadly, "die")
    watcher.generate(job)
    watcher.wait_for("done", job)
    assert watcher.count("failed", deadly) == 1
    error = watcher.table.jobs[deadly].error
    assert error.code == "worker_crashed" and "died 2 times" in error.message and error.hint


def test_a_shortage_of_memory_fails_one_job_and_not_the_next(keep_worker):
    _, watcher = keep_worker
    short, job = new_job_id(), new_job_id()
    watcher.generate(short, "out of memory", texture_size=512)
    watcher.generate(job)
    error = watcher.wait_for("failed", short).error
    assert error.code == "out_of_memory" and "1.5 of 8.0 GiB are free on tiny" in error.message
    ends_once(watcher, job)
    assert watcher.count("disconnected") == 0
