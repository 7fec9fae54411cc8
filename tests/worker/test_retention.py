"""What stays in the store, and what is made again from the folders."""

import sqlite3
from pathlib import Path

import pytest

from backend.worker.results import ResultFolders, size_of
from backend.worker.retention import make_room, settle
from backend.worker.runner import cancelled_error
from backend.worker.store import JobStore

REQUEST = {"prompt": "a man", "seed": 3}


@pytest.fixture
def open_parts(tmp_path):
    stores = []

    def open_them():
        stores.append(JobStore(tmp_path / "jobs.sqlite3"))
        return stores[-1], ResultFolders(tmp_path)

    yield open_them
    for store in stores:
        store.close()


def make(store, results, job, size=1000):
    store.add(job, "generate", REQUEST)
    store.take()
    folder = results.stage(job) / "0"
    folder.mkdir()
    (folder / "avatar.glb").write_bytes(bytes(size))
    found = results.commit(job, {"kind": "generate", "request": REQUEST, "created": 5.0, "seconds": 2.0})
    store.finish(job, found)
    return found


def names(store):
    return [job.id for job in store.finished()]


def test_the_oldest_go_first_and_the_newest_stays(open_parts):
    store, results = open_parts()
    found = [make(store, results, f"job-0000000{number}") for number in range(4)]
    assert size_of(found[0]) == 1000
    assert make_room(store, results, 4000) == []
    assert make_room(store, results, 2500) == ["job-00000001", "job-00000000"]
    assert names(store) == results.ids()[::-1] == ["job-00000003", "job-00000002"]
    assert make_room(store, results, 1) == ["job-00000002"]
    assert names(store) == ["job-00000003"]


def test_failures_are_forgotten_in_the_end(open_parts, monkeypatch):
    monkeypatch.setattr("backend.worker.retention.KEEP_ENDED", 2)
    store, results = open_parts()
    make(store, results, "job-done0001")
    for number in range(4):
        store.add(f"job-0000000{number}", "generate", REQUEST)
        store.cancel_waiting(f"job-0000000{number}", cancelled_error())
    make_room(store, results, 10**9)
    assert [store.get(f"job-0000000{number}") is None for number in range(4)] == [True, True, False, False]
    assert names(store) == ["job-done0001"]


def test_a_list_that_was_lost_is_made_again_from_the_folders(open_parts, tmp_path):
    store, results = open_parts()
    found = make(store, results, "job-00000001")
    store.close()
    for path in tmp_path.glob("jobs.sqlite3*"):
        path.unlink()
    (tmp_path / "jobs" / "someone-elses").mkdir()
    store, results = open_parts()
    settle(store, results)
    job = store.get("job-00000001")
    assert (job.state, job.request, job.created, job.result) == ("done", REQUEST, 5.0, found)
    assert names(store) == ["job-00000001"]
    assert (tmp_path / "jobs" / "someone-elses").is_dir()


def test_what_lost_its_files_is_forgotten_and_what_failed_has_none(open_parts):
    store, results = open_parts()
    make(store, results, "job-gone0001")
    make(store, results, "job-kept0001")
    results.remove("job-gone0001")
    make(store, results, "job-failed01")
    with store._transaction() as db:
        db.execute("UPDATE jobs SET state = 'failed' WHERE id = 'job-failed01'")
    settle(store, results)
    assert names(store) == results.ids() == ["job-kept0001"]
    assert store.get("job-gone0001") is None and store.get("job-failed01").state == "failed"


def test_a_server_removes_what_is_over_its_limit_and_says_so(run_server):
    with run_server(keep_bytes=20_000).client() as client:
        folders = []
        for number in range(3):
            client.generate(f"job-0000000{number}")
            folders.append(Path(client.end_of(f"job-0000000{number}").fields["folder"]))
        gone = client.wait_for(lambda message: message.type == "delete" and message.fields["job"] == "job-00000001")
        assert gone.fields == {"job": "job-00000001"}
        assert [folder.is_dir() for folder in folders] == [False, False, True]
        assert [job["job"] for job in client.ask("results").fields["jobs"]] == ["job-00000002"]


def test_every_client_is_told_of_a_deletion(server, client):
    client.generate("job-00000001")
    client.end_of("job-00000001")
    with server.client() as another:
        client.ask("delete", job="job-00000001")
        assert another.wait_for(lambda message: message.type == "delete").fields["job"] == "job-00000001"


def test_a_job_whose_end_was_asked_for_is_not_run_again_after_a_kill(open_parts):
    store, results = open_parts()
    store.add("job-00000001", "generate", REQUEST)
    store.take()
    store.mark_cancelled("job-00000001", cancelled_error())
    settle(store, results)
    job = store.get("job-00000001")
    assert (job.state, job.error) == ("cancelled", cancelled_error().to_dict())


def test_the_end_of_a_job_is_written_again_and_again(tmp_path, run_server, monkeypatch):
    """The disk is full when the job ends, and has room again a little later."""
    monkeypatch.setattr("backend.worker.runner.RETRY_SECONDS", 0.05)
    server = run_server()
    store, tries = server.server._store, []
    finish = store.finish

    def fails_twice(job, result):
        tries.append(job)
        if len(tries) < 3:
            raise sqlite3.OperationalError("database or disk is full")
        finish(job, result)

    monkeypatch.setattr(store, "finish", fails_twice)
    with server.client() as client:
        client.generate("job-00000001")
        assert client.end_of("job-00000001").type == "done" and len(tries) == 3
        assert [m.type for m in client.events].count("done") == 1
