"""A worker whose disk is not ours: its avatars are copied, and found here."""

import pytest
from doppel_extension.backend.protocol.jobs import new_job_id
from doppel_extension.blender_addon.core.inbox import WorkerEvent
from doppel_extension.blender_addon.core.mirror import Mirror
from watcher import ask, extension_address


@pytest.fixture
def mirrored(server, watch, tmp_path):
    watcher = watch(extension_address(server.address))
    watcher.wait_for("connected")
    return watcher, Mirror(tmp_path / "copies", watcher.client.download)


def make(watcher, count):
    jobs = [new_job_id() for _ in range(count)]
    for job in jobs:
        watcher.client.generate(job, ask(job, hypotheses=2))
    for job in jobs:
        watcher.wait_for("done", job)
    return jobs


def listing(watcher, **fields):
    watcher.client.request("results", **fields)
    return watcher.wait_for("results")


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_the_worker_has_is_fetched_once_and_newest_first(mirrored, server):
    watcher, mirror = mirrored
    jobs = make(watcher, 3)
    assert mirror.take(listing(watcher)) is False
    arrived = []
    while len(arrived) < 3:
        event = watcher.wait_for("downloaded")
        assert mirror.take(event) is True
        arrived.append(event.job)
    assert arrived == jobs[::-1]
    for job in jobs:
        theirs = tree(server.state / "jobs" / job)
        theirs.pop("job.json")
        assert tree(mirror.folder / job) == theirs and len(theirs) == 4
    mirror.take(listing(watcher))
    watcher.settle(0.2)
    assert watcher.count("downloaded") == 3


def test_what_the_worker_removed_is_removed_here(mirrored):
    watcher, mirror = mirrored
    first, second = make(watcher, 2)
    mirror.take(listing(watcher))
    for _ in range(2):
        mirror.take(watcher.wait_for("downloaded"))
    watcher.client.request("delete", job=first)
    assert mirror.take(watcher.wait_for("delete")) is True
    (mirror.folder / new_job_id()).mkdir()
    assert mirror.take(listing(watcher, limit=1)) is False, "a page of the list does not tell what is gone"
    assert mirror.take(listing(watcher)) is True
    assert [path.name for path in mirror.folder.iterdir()] == [second]


def test_a_list_that_leads_elsewhere_is_not_followed(tmp_path):
    fetched = []
    mirror = Mirror(tmp_path / "copies", lambda job, avatars, folder: fetched.append(folder))
    names = ("../../etc", "/etc", "..", "", None, ["x"], "UPPER-CASE-8")
    mirror.take(WorkerEvent("results", fields={"jobs": [{"job": name, "avatars": []} for name in names] + [7]}))
    mirror.take(WorkerEvent("delete", "../../etc"))
    assert fetched == []


def test_a_copy_that_fails_does_not_hold_up_the_next(mirrored):
    watcher, mirror = mirrored
    real = make(watcher, 1)[0]
    event = listing(watcher)
    gone = {"job": new_job_id(), "avatars": [{"folder": "0", "files": {"avatar.npz": 5}}]}
    unusable = {"job": new_job_id(), "avatars": [{"folder": "..", "files": {"x": 5}}]}
    mirror.take(WorkerEvent("results", fields={"jobs": [unusable, gone, *event.fields["jobs"]], "before": None}))
    assert mirror.take(watcher.wait_for("failed", gone["job"])) is False
    assert mirror.take(watcher.wait_for("downloaded", real)) is True
