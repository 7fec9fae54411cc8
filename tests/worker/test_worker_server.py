"""The worker over real sockets: requests, events, results, failures."""

import json
import os
import socket
import threading
import time
from pathlib import Path

from tiny_worker import SECRET, TinyPipeline

from backend.protocol.messages import MAX_HEADER_BYTES, Message, encode
from backend.protocol.photo import MAX_PHOTO_BYTES
from backend.protocol.request import GenerateRequest
from backend.protocol.version import DOPPEL_VERSION, PROTOCOL_VERSION

JOB = "job-00000001"


def test_hello_tells_versions_device_and_capabilities(client):
    fields = client.hello.fields
    assert (fields["protocol"], fields["version"], fields["pid"]) == (PROTOCOL_VERSION, DOPPEL_VERSION, os.getpid())
    assert {"generate", "cancel", "status", "results", "shutdown"} <= set(fields["capabilities"])
    device = client.ask("status").fields["worker"]["device"]
    assert device["name"] == "tiny"


def test_a_job_goes_from_accepted_through_progress_to_files(client):
    assert client.generate(JOB, "a man", hypotheses=2, seed=7).type == "accepted"
    done = client.end_of(JOB)
    assert done.type == "done"
    folder = Path(done.fields["folder"])
    texts = [json.loads((folder / name / "avatar.json").read_text())["text"] for name in ("0", "1")]
    assert texts == ["a man/7/0", "a man/7/1"]
    assert done.fields["avatars"][1] == {"folder": "1", "files": {"avatar.json": 21, "avatar.npz": 16384}}
    progress = [message for message in client.events if message.type == "progress"]
    states = [message.fields["state"] for message in progress]
    assert states == sorted(states, key=["loading", "running", "saving"].index)
    assert set(states) == {"loading", "running", "saving"}
    front = [message for message in progress if message.fields["stage"] == "front"]
    assert (front[-1].fields["step"], front[-1].fields["steps"]) == (8, 8)
    assert front[0].frames[0].startswith(b"\x89PNG") and len(front[0].frames[0]) < 20_000


def test_results_list_finished_jobs_newest_first_in_pages(client):
    for number in range(3):
        client.generate(f"job-0000000{number}", f"person {number}", seed=number)
        client.end_of(f"job-0000000{number}")
    first = client.ask("results", limit=2).fields
    second = client.ask("results", limit=2, before=first["before"]).fields
    assert [job["prompt"] for job in first["jobs"] + second["jobs"]] == ["person 2", "person 1", "person 0"]
    assert second["before"] is None
    assert Path(first["jobs"][0]["folder"]).is_dir()


def test_result_files_can_be_read_in_pieces_and_nothing_else(client):
    client.generate(JOB)
    client.end_of(JOB)
    piece = client.ask("results", job=JOB, file="0/avatar.npz", offset=16000)
    assert piece.frames[0] == (bytes(range(256)) * 64)[16000:] and piece.fields["size"] == 16384
    for name in ("0/../../../jobs.sqlite3", "../keys/client.json", "0/absent", "", "0/"):
        assert client.ask("results", job=JOB, file=name).fields["code"] == "file_unknown"


def test_the_same_id_is_run_once(client):
    client.generate(JOB)
    done = client.end_of(JOB)
    again = client.generate(JOB)
    assert again.type == "done" and again.fields["folder"] == done.fields["folder"]
    assert sum(message.fields.get("state") == "loading" for message in client.events) == 1
    conflict = client.generate(JOB, "someone else")
    assert (conflict.type, conflict.fields["code"], conflict.fields["job"]) == ("failed", "job_conflict", JOB)


def test_a_repeated_request_while_running_is_accepted_as_a_duplicate(client):
    client.generate(JOB, "slow", steps=40)
    client.wait_for(lambda message: message.fields.get("state") == "running")
    again = client.generate(JOB, "slow", steps=40)
    assert again.fields["duplicate"] and again.fields["state"] == "running" and again.fields["stage"] == "front"
    client.ask("cancel", job=JOB)
    client.end_of(JOB)


def test_cancel_ends_a_running_job_between_steps(client):
    client.generate(JOB, "stuck")
    client.wait_for(lambda message: message.fields.get("state") == "running")
    started = time.monotonic()
    client.ask("cancel", job=JOB)
    end = client.end_of(JOB)
    assert (end.type, end.fields["code"], end.fields["state"]) == ("failed", "cancelled", "cancelled")
    assert time.monotonic() - started < 5
    assert client.ask("status", jobs=[JOB]).fields["jobs"][0]["state"] == "cancelled"


def test_cancel_takes_a_waiting_job_out_of_the_queue(client):
    client.generate("job-running1", "stuck")
    accepted = client.generate("job-waiting1", "a man")
    assert accepted.fields["ahead"] == 1
    assert client.ask("cancel", job="job-waiting1").fields["state"] == "cancelled"
    client.ask("cancel", job="job-running1")
    client.end_of("job-running1")
    client.generate("job-after001")
    assert client.end_of("job-after001").type == "done"
    assert not any(m.type == "progress" and m.fields["job"] == "job-waiting1" for m in client.events)


def test_a_cancelled_job_does_not_cancel_the_next(client):
    client.generate("job-first001", "stuck")
    client.generate("job-second01", "a man")
    client.ask("cancel", job="job-first001")
    client.ask("cancel", job="job-first001")
    assert client.end_of("job-second01").type == "done"


def test_out_of_memory_is_tried_once_lower_and_the_result_says_so(client):
    client.generate(JOB, "out of memory above 2x1024", hypotheses=5, texture_size=2048)
    done = client.end_of(JOB).fields
    assert done["lowered"] == {"hypotheses": 2, "texture_size": 1024} and len(done["avatars"]) == 2
    assert client.ask("results").fields["jobs"][0]["lowered"] == done["lowered"]
    assert client.ask("status").fields["worker"]["loaded"]


def test_out_of_memory_twice_is_told_with_numbers_and_advice(client):
    client.generate(JOB, "out of memory", hypotheses=8, texture_size=4096)
    failed = client.end_of(JOB).fields
    assert failed["code"] == "out_of_memory"
    assert "2.00 GiB more were wanted; 1.5 of 8.0 GiB are free on tiny" in failed["message"]
    assert "tried with 8 variants at 4096 pixels, then 4 variants at 2048 pixels" in failed["message"]
    assert "fewer variants than 4" in failed["hint"] and "below 2048" in failed["hint"]
    deadline = time.monotonic() + 10.0
    while client.ask("status").fields["worker"]["loaded"]:  # the models go right after the job's end is told
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_out_of_memory_where_nothing_can_be_lowered_is_told_at_once(client):
    client.generate(JOB, "out of memory", texture_size=256)
    assert "tried with 1 variant at 256 pixels" in client.end_of(JOB).fields["message"]


def test_an_unexpected_error_names_the_log_and_keeps_the_prompt_private(log_file, run_server):
    with run_server().client() as client:
        client.generate(JOB, f"{SECRET}, broken")
        failed = client.end_of(JOB).fields
    assert failed["code"] == "internal" and str(log_file) in failed["hint"]
    assert "Traceback" not in json.dumps(failed) and SECRET not in json.dumps(failed)
    log = log_file.read_text()
    assert "KeyError" in log and "Traceback" in log and SECRET not in log


def test_prompts_are_in_the_log_when_asked_for(log_file, run_server):
    for asked in (False, True):
        server = run_server(log_prompts=asked)
        with server.client() as client:
            client.generate(f"job-asked{asked:05}", f"{SECRET}, broken")
            client.end_of(f"job-asked{asked:05}")
        server.stop()
        assert (SECRET in log_file.read_text()) is asked


def test_the_worker_goes_on_after_a_failed_job(client):
    client.generate("job-broken01", "broken")
    assert client.end_of("job-broken01").type == "failed"
    client.generate("job-after001")
    assert client.end_of("job-after001").type == "done"


def test_models_that_cannot_be_loaded_fail_the_job_and_are_tried_again(run_server):
    tries = []

    def factory():
        tries.append(1)
        if len(tries) == 1:
            raise ModuleNotFoundError("No module named 'diffusers'", name="diffusers")
        return TinyPipeline()

    with run_server(pipeline_factory=factory).client() as client:
        client.generate("job-first001")
        assert client.end_of("job-first001").fields["code"] == "environment_incomplete"
        client.generate("job-second01")
        assert client.end_of("job-second01").type == "done"


def test_models_are_unloaded_when_idle(run_server):
    with run_server(idle_seconds=0.2).client() as client:
        client.generate(JOB)
        client.end_of(JOB)
        deadline = time.monotonic() + 5
        while client.ask("status").fields["worker"]["loaded"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        client.generate("job-after001")
        assert client.end_of("job-after001").type == "done"


def test_the_second_job_of_the_same_settings_has_an_eta(client):
    client.generate("job-first001", "slow", steps=6)
    client.end_of("job-first001")
    client.events.clear()
    client.generate("job-second01", "slow", steps=6)
    client.end_of("job-second01")
    etas = [message.fields["eta"] for message in client.events if message.fields.get("stage") == "front"]
    assert None not in etas and etas == sorted(etas, reverse=True) and 0.1 < etas[0] < 30.0


def test_bad_requests_are_refused_with_a_code(client):
    cases = [
        ("generate", {"job": JOB, "request": {"prompt": " "}}, "prompt_empty"),
        ("generate", {"job": JOB, "request": {"prompt": "x", "seed": -1}}, "seed_range"),
        ("generate", {"job": JOB}, "request_invalid"),
        ("generate", {"job": "../../etc", "request": {"prompt": "x"}}, "job_id_invalid"),
        ("generate", {"job": "nul", "request": {"prompt": "x"}}, "job_id_invalid"),
        ("cancel", {"job": "job-unknown1"}, "job_unknown"),
        ("delete", {"job": "job-unknown1"}, "job_unknown"),
        ("status", {"jobs": "all"}, "field_invalid"),
        ("results", {"limit": 10**9}, "field_invalid"),
        ("results", {"job": JOB, "file": ["x"]}, "field_invalid"),
        ("preview", {"job": JOB}, "unsupported"),
        ("fit_photo", {"job": JOB}, "request_invalid"),
        ("done", {"job": JOB}, "unsupported"),
    ]
    for type, fields, code in cases:
        answer = client.ask(type, **fields)
        assert (answer.type, answer.fields["code"]) == ("failed", code), (type, fields)
        assert answer.fields["message"]


def test_deleting_a_job_removes_its_files(client):
    client.generate(JOB)
    folder = Path(client.end_of(JOB).fields["folder"])
    assert client.ask("delete", job=JOB).type == "delete"
    assert not folder.exists() and client.ask("results").fields["jobs"] == []


def test_a_job_that_runs_cannot_be_deleted(client):
    client.generate(JOB, "stuck")
    assert client.ask("delete", job=JOB).fields["code"] == "job_busy"
    client.ask("cancel", job=JOB)


def test_hello_comes_first(server):
    with server.client(greet=False) as client:
        assert client.ask("status").fields["code"] == "hello_missing"


def test_another_protocol_version_is_told_so(server):
    with server.client(greet=False) as client:
        client.socket.send_multipart([json.dumps({"protocol": 99, "type": "hello", "fields": {}}).encode()])
        assert client.receive().fields["code"] == "protocol_mismatch"


def test_garbage_does_not_stop_the_worker(server, client):
    good = encode(Message("generate", {"job": JOB, "request": GenerateRequest(prompt="x").to_dict()}))[0]
    noise = [[good[:cut]] for cut in range(0, len(good), 7)]
    noise += [[os.urandom(50), os.urandom(9)] for _ in range(30)]
    noise += [[good, *[b"frame"] * 17], [b"[" * 100_000], [b"{}"], [b" " * MAX_HEADER_BYTES], [good, good]]
    for parts in noise:
        client.socket.send_multipart(parts)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", int(server.address.endpoint.rpartition(":")[2]))) as raw:
            raw.sendall(os.urandom(500))
    assert client.ask("status").type == "status"
    codes = {message.fields["code"] for message in client.events if message.type == "failed"}
    assert codes <= {"message_invalid", "message_too_large", "protocol_mismatch", "type_unknown"}


def test_what_is_larger_than_any_request_costs_its_sender_the_connection(server, client):
    client.socket.send_multipart([b" " * (MAX_PHOTO_BYTES + 100)])
    assert client.receive(timeout=0.3) is None
    with server.client() as another:
        assert another.hello.type == "hello"


def test_shutdown_ends_the_server_and_keeps_the_unfinished_job(run_server):
    first = run_server()
    with first.client() as client:
        client.generate(JOB, "stuck")
        client.wait_for(lambda message: message.fields.get("state") == "running")
        assert client.ask("shutdown").type == "shutdown"
    first.stop()
    assert first.clean
    with run_server().client() as client:
        client.wait_for(lambda message: message.fields.get("job") == JOB and message.fields.get("state") == "running")
        client.ask("shutdown", cancel_jobs=True)
        assert client.end_of(JOB).fields["code"] == "cancelled"


def test_a_job_that_does_not_let_go_cannot_hold_up_the_end(run_server, monkeypatch):
    begun, release = threading.Event(), threading.Event()

    class Deaf(TinyPipeline):
        def __call__(self, *args, **kwargs):
            begun.set()
            release.wait(60)
            return []

    monkeypatch.setattr("backend.worker.server.STOP_GRACE_SECONDS", 0.2)
    server = run_server(pipeline_factory=Deaf)
    with server.client() as client:
        client.generate(JOB)
        assert begun.wait(30)
        server.stop()
    assert server.clean is False
    release.set()
    server.server._runner.join(10)
    server.server._opened.close()
