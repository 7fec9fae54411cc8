"""Blender's client against the real worker, and against one that misbehaves."""

import json
import os
import time
from pathlib import Path

import pytest
import zmq
from doppel_extension.backend.protocol.address import WorkerAddress
from doppel_extension.backend.protocol.errors import DoppelError
from doppel_extension.backend.protocol.jobs import new_job_id
from doppel_extension.backend.protocol.messages import Message, encode
from doppel_extension.blender_addon import client as client_module
from doppel_extension.blender_addon.core.inbox import Inbox, WorkerEvent
from rude_worker import HELLO
from watcher import ask, extension_address


def test_a_job_from_connect_to_done(server, watch):
    watcher = watch(extension_address(server.address))
    assert watcher.wait_for("connected").fields["worker"]["device"]["name"] == "tiny"
    assert watcher.client.connected
    job = new_job_id()
    watcher.client.generate(job, ask("slow", steps=5))
    watcher.wait_for("accepted", job)
    assert watcher.wait_for("progress", job).fields["steps"] > 0
    done = watcher.wait_for("done", job)
    assert (Path(done.fields["folder"]) / "0" / "avatar.npz").is_file()
    watcher.settle(0.5)
    assert watcher.count("done", job) == 1 and watcher.client.open_jobs == ()


def test_requests_made_before_the_worker_is_there_are_sent_when_it_is(server, watch):
    watcher = watch()
    job = new_job_id()
    watcher.client.generate(job, ask("stuck"))
    watcher.client.cancel(job)
    watcher.settle(0.1)
    assert watcher.events == []
    watcher.client.connect(extension_address(server.address))
    watcher.wait_for("connected")
    end = watcher.wait_for("failed", job)
    assert end.error.code == "cancelled"


def test_cancel_of_a_running_job(server, watch):
    watcher = watch(extension_address(server.address))
    job = new_job_id()
    watcher.client.generate(job, ask("stuck"))
    watcher.wait_for("progress", job)
    watcher.client.cancel(job)
    assert watcher.wait_for("failed", job).error.code == "cancelled"
    watcher.client.cancel(job)
    watcher.settle(0.3)
    assert watcher.count("failed", job) == 1


def test_a_wrong_request_is_refused_at_once_without_a_worker(watch):
    watcher = watch()
    with pytest.raises(DoppelError) as caught:
        watcher.client.generate(new_job_id(), ask(""))
    assert caught.value.code == "prompt_empty"
    with pytest.raises(DoppelError):
        watcher.client.generate("No", ask())


def test_a_refused_job_is_over_and_a_refused_question_is_not_its_end(server, watch):
    watcher = watch(extension_address(server.address))
    job = new_job_id()
    watcher.client.generate(job, ask("stuck"))
    watcher.wait_for("accepted", job)
    question = watcher.client.request("delete", job=job)
    refused = watcher.wait_for("failed", job)
    assert (refused.request, refused.error.code) == (question, "job_busy")
    assert watcher.client.open_jobs == (job,)
    watcher.client.cancel(job)
    watcher.wait_for("failed", job)
    watcher.client.generate(job, ask("someone else"))
    assert watcher.wait_for("failed", job).error.code == "job_conflict"
    assert watcher.client.open_jobs == ()


def test_a_job_survives_the_worker(run_server, watch):
    first = run_server()
    watcher = watch(extension_address(first.address))
    job = new_job_id()
    watcher.client.generate(job, ask("slow", steps=12))
    watcher.wait_for("progress", job)
    first.stop()
    assert watcher.wait_for("disconnected").error.code == "worker_lost"
    assert not watcher.client.connected
    watcher.client.connect(extension_address(run_server().address))
    watcher.wait_for("connected")
    watcher.wait_for("done", job)
    watcher.settle(0.3)
    assert watcher.count("done", job) == 1


def test_the_end_of_a_job_is_told_although_its_event_was_lost(run_server, watch):
    server = run_server()
    watcher = watch(extension_address(server.address))
    watcher.wait_for("connected")
    server.server._pass_events_on = lambda: server.server._inbox.poll(0) and server.server._inbox.recv_multipart()
    job = new_job_id()
    watcher.client.generate(job, ask())
    watcher.wait_for("done", job)


def test_a_worker_that_forgot_the_client_gets_another_hello(server, watch):
    watcher = watch(extension_address(server.address))
    watcher.wait_for("connected")
    server.server._peers.clear()
    watcher.wait_for("connected")


def test_an_unknown_key_is_told_with_what_to_do(server, watch):
    public, secret = (key.decode() for key in zmq.curve_keypair())
    address = WorkerAddress(server.address.endpoint, server.address.worker_key, public, secret)
    watcher = watch(address)
    refused = watcher.wait_for("refused")
    assert refused.error.code == "key_refused" and "authorized_keys" in refused.error.hint


def test_two_clients_see_their_own_jobs_end_once(server, watch):
    watchers = [watch(extension_address(server.address)) for _ in range(2)]
    jobs = [new_job_id() for _ in watchers]
    for watcher, job in zip(watchers, jobs, strict=True):
        watcher.client.generate(job, ask(job))
    for watcher, job in zip(watchers, jobs, strict=True):
        watcher.wait_for("done", job)
    for watcher in watchers:
        watcher.settle(0.3)
        assert watcher.count("done") == 1


def test_results_after_a_new_start_of_blender(server, watch):
    first = watch(extension_address(server.address))
    job = new_job_id()
    first.client.generate(job, ask("a woman"))
    first.wait_for("done", job)
    first.client.close()
    second = watch(extension_address(server.address))
    request = second.client.request("results")
    listed = second.wait_for("results")
    assert listed.request == request and [entry["job"] for entry in listed.fields["jobs"]] == [job]


def test_files_are_fetched_through_the_socket(server, watch, tmp_path, monkeypatch):
    monkeypatch.setattr("backend.worker.results.CHUNK_BYTES", 5000)
    watcher = watch(extension_address(server.address))
    job = new_job_id()
    watcher.client.generate(job, ask(hypotheses=2))
    done = watcher.wait_for("done", job)
    watcher.client.download(job, done.fields["avatars"], tmp_path / "here")
    assert watcher.wait_for("downloaded", job).fields["folder"] == str(tmp_path / "here")
    there = Path(done.fields["folder"])
    fetched = {path.relative_to(tmp_path / "here"): path for path in (tmp_path / "here").rglob("*.*")}
    assert len(fetched) == 4
    assert all(path.read_bytes() == (there / name).read_bytes() for name, path in fetched.items())
    with pytest.raises(DoppelError, match="exists already"):
        watcher.client.download(job, done.fields["avatars"], tmp_path / "here")


def test_a_list_of_files_cannot_lead_out_of_the_folder(watch, tmp_path):
    for name in ("../evil", "a/../../evil", "/etc/passwd", "..\\evil", ".hidden", ""):
        with pytest.raises(DoppelError, match="cannot be used"):
            watch().client.download(new_job_id(), [{"folder": "0", "files": {name: 1}}], tmp_path / "x")
    with pytest.raises(DoppelError, match="cannot be used"):
        watch().client.download(new_job_id(), [{"folder": "0", "files": {"a": 2**60}}], tmp_path / "x")


def test_files_that_are_gone_fail_the_download(server, watch, tmp_path):
    watcher = watch(extension_address(server.address))
    job = new_job_id()
    watcher.client.download(job, [{"folder": "0", "files": {"avatar.npz": 10}}], tmp_path / "here")
    assert watcher.wait_for("failed", job).error.code == "file_unknown"
    assert not (tmp_path / "here").exists()


def test_a_worker_that_never_answers_is_told_once_and_tried_again(rude, watch, monkeypatch):
    monkeypatch.setattr(client_module, "HELLO_SECONDS", 0.2)
    monkeypatch.setattr(client_module, "RETRY_SECONDS", (0.05,))
    hellos = []
    watcher = watch(rude(lambda message: hellos.append(message) or []).address)
    assert "does not answer" in watcher.wait_for("disconnected").error.message
    watcher.settle(0.8)
    assert watcher.count("disconnected") == 1 and len(hellos) >= 2


def test_a_worker_that_falls_silent_is_lost(rude, watch):
    watcher = watch(rude(lambda message: [HELLO] if message["type"] == "hello" else []).address, silence_seconds=0.5)
    watcher.wait_for("connected")
    assert "silent" in watcher.wait_for("disconnected").error.message


def test_garbage_from_a_worker_is_survived(rude, watch):
    job = new_job_id()
    noise = [
        [b"\xff" * 30],
        [b"{}"],
        [os.urandom(60), os.urandom(5)],
        encode(Message("status", {"jobs": [{"job": []}, 5, {"job": job, "state": []}], "id": ""})),
        encode(Message("status", {"jobs": 7, "id": ""})),
        encode(Message("progress", {"job": ["x"], "state": {}})),
        encode(Message("done", {"state": []})),
        encode(Message("results", {"id": "download", "job": job})),
        encode(Message("failed", {"code": 3, "id": 5})),
    ]

    def answer(message):
        if message["type"] == "hello":
            return [*noise, HELLO, *noise]
        if message["type"] == "generate":
            return [*noise, encode(Message("done", {"job": message["fields"]["job"], "state": "done"}))]
        return noise

    watcher = watch(rude(answer).address)
    watcher.wait_for("connected")
    watcher.client.generate(job, ask())
    watcher.wait_for("done", job)
    watcher.settle(0.3)
    assert watcher.client.connected and watcher.count("done", job) == 1


def test_a_worker_of_another_version_is_refused_and_left_alone(rude, watch):
    header = json.dumps({"protocol": 99, "type": "hello", "fields": {}}).encode()
    watcher = watch(rude(lambda message: [[header]]).address)
    refused = watcher.wait_for("refused")
    assert refused.error.code == "protocol_mismatch" and "update the extension" in refused.error.hint


def test_nothing_blocks_the_caller(watch):
    address = WorkerAddress("tcp://127.0.0.1:9", *["k" * 40] * 3)
    started = time.monotonic()
    watcher = watch(address)
    for _ in range(2000):
        watcher.client.request("status")
    watcher.client.pump()
    assert time.monotonic() - started < 3.0
    watcher.client.close()
    assert time.monotonic() - started < 8.0
    with pytest.raises(DoppelError):
        watcher.client.request("status")


def test_unread_progress_does_not_pile_up():
    inbox = Inbox()
    inbox.put(WorkerEvent("accepted", "job-1"))
    for step in range(1000):
        inbox.put(WorkerEvent("progress", "job-1", {"step": step}, (b"png",) if step == 500 else ()))
        inbox.put(WorkerEvent("status", fields={"n": step}))
    inbox.put(WorkerEvent("done", "job-1"))
    kinds = inbox.take(100)
    assert [event.kind for event in kinds] == ["accepted", "progress", "status", "done"]
    assert kinds[1].fields["step"] == 999 and kinds[1].frames == (b"png",)
    assert inbox.take(100) == []


def test_the_thread_may_see_the_end_before_it_is_woken(rude, watch):
    watcher = watch(rude(lambda message: []).address)
    client = watcher.client
    wake = client._wake

    def late() -> None:
        client._connection.join(5)
        wake()

    client._wake = late
    client.close()
    assert not client._connection.is_alive()
