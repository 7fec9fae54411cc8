"""The job table: order, recovery, damage."""

import sqlite3

import pytest

from backend.protocol.errors import DoppelError
from backend.worker import store as store_module
from backend.worker.store import JobStore

REQUEST = {"prompt": "a man"}


@pytest.fixture
def open_store(tmp_path):
    stores = []

    def open_it():
        stores.append(JobStore(tmp_path / "jobs.sqlite3"))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


def _killed_while_running(open_store, *jobs):
    store = open_store()
    for job in jobs:
        store.add(job, "generate", REQUEST)
        store.take()
        store.advance(job, "running")
    return open_store()


def test_jobs_are_taken_in_order_and_once(open_store):
    store = open_store()
    for number in range(3):
        store.add(f"job-{number}", "generate", REQUEST)
    assert [store.take().id for _ in range(3)] == ["job-0", "job-1", "job-2"]
    assert store.take() is None


def test_recovery_queues_a_job_once_and_then_fails_it(open_store):
    store = _killed_while_running(open_store, "job-a")
    assert [(job.state, job.attempts) for job in store.recover(lambda _: None)] == [("queued", 1)]
    store.take()
    job = open_store().recover(lambda _: None)[0]
    assert (job.state, job.error["code"]) == ("failed", "worker_crashed")


def test_recovery_finds_files_that_were_in_place_before_the_kill(open_store):
    store = _killed_while_running(open_store, "job-a", "job-b")
    states = {job.id: (job.state, job.result) for job in store.recover({"job-a": {"folder": "f"}}.get)}
    assert states == {"job-a": ("done", {"folder": "f"}), "job-b": ("queued", None)}


def test_what_is_over_stays_over(open_store):
    store = open_store()
    store.add("job-a", "generate", REQUEST)
    store.take()
    store.finish("job-a", {"folder": "f"})
    store.fail("job-a", DoppelError("cancelled", "too late"))
    store.advance("job-a", "running")
    store.put_back("job-a")
    assert store.get("job-a").state == "done"
    assert not store.cancel_waiting("job-a", DoppelError("cancelled", "too late"))


def test_the_queue_is_bounded(open_store, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_QUEUED", 2)
    store = open_store()
    for number in range(2):
        store.add(f"job-{number}", "generate", REQUEST)
    with pytest.raises(DoppelError) as caught:
        store.add("job-2", "generate", REQUEST)
    assert caught.value.code == "queue_full"
    assert store.add("job-1", "generate", REQUEST)[1] is False


def test_a_damaged_file_is_told_and_left_alone(tmp_path):
    path = tmp_path / "jobs.sqlite3"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(DoppelError) as caught:
        JobStore(path)
    assert caught.value.code == "store_unreadable"
    assert path.read_bytes().startswith(b"not a database")


def test_a_file_of_a_later_version_is_refused(tmp_path):
    JobStore(tmp_path / "jobs.sqlite3").close()
    with sqlite3.connect(tmp_path / "jobs.sqlite3") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(DoppelError) as caught:
        JobStore(tmp_path / "jobs.sqlite3")
    assert caught.value.code == "store_newer"
