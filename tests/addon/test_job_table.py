"""What the panels know of jobs, from the client's events."""

from pathlib import Path

import pytest
from doppel_extension.backend.protocol.errors import DoppelError
from doppel_extension.blender_addon.core.inbox import WorkerEvent
from doppel_extension.blender_addon.core.job_table import STAGES, JobTable, duration

JOB = "0123456789abcdef"


@pytest.fixture
def table() -> JobTable:
    result = JobTable()
    result.sent(JOB, "a man in a coat", 5)
    return result


def test_waiting_then_running_then_done(table: JobTable) -> None:
    view = table.jobs[JOB]
    table.apply(WorkerEvent("accepted", JOB, {"state": "queued", "ahead": 2}))
    assert (view.active, view.text, view.fraction) == (True, "Waiting, 2 ahead", 0.0)
    table.apply(WorkerEvent("accepted", JOB, {"state": "loading"}))
    assert view.text == "Loading the models"
    last = -1.0
    for stage in list(STAGES)[:-1]:
        for step in (1, 4):
            fields = {"state": "running", "stage": stage, "step": step, "steps": 4, "eta": 12.0}
            table.apply(WorkerEvent("progress", JOB, fields, (b"png",)))
            assert last < view.fraction < 1.0
            last = view.fraction
    assert view.preview == b"png" and view.text == "Saving 4/4" and view.time_left == "12 s left" and view.detail == 1.0
    table.apply(WorkerEvent("done", JOB, {"state": "done"}))
    assert (view.active, view.fraction, view.preview, table.active()) == (False, 1.0, b"", [])


def test_variants_share_the_bar() -> None:
    table = JobTable()
    table.sent(JOB, "a man in a coat", 5, hypotheses=2)
    view = table.jobs[JOB]
    last = -1.0
    for stage in ("body", "front", "back", "lift", "texture", "rig", "lift", "texture", "rig", "save"):
        table.apply(WorkerEvent("progress", JOB, {"state": "running", "stage": stage, "step": 1, "steps": 2}))
        assert last < view.fraction < 1.0, stage
        last = view.fraction
        if stage == "rig":
            assert view.text == f"Rigging (variant {view.hypothesis + 1} of 2) 1/2"
    assert view.hypothesis == 1


def test_failure_and_cancellation_differ(table: JobTable) -> None:
    table.apply(WorkerEvent("failed", JOB, error=DoppelError("oom", "full", "close something")))
    assert table.last_failure() is table.jobs[JOB] and table.jobs[JOB].state == "failed"
    table.sent("second-job", "x", 1)
    assert table.last_failure() is None
    table.apply(WorkerEvent("failed", "second-job", error=DoppelError("cancelled", "cancelled")))
    assert table.jobs["second-job"].state == "cancelled" and table.last_failure() is None


def test_late_events_change_nothing(table: JobTable) -> None:
    table.apply(WorkerEvent("done", JOB, {}))
    table.apply(WorkerEvent("progress", JOB, {"state": "running", "stage": "front", "step": 1, "steps": 2}))
    table.apply(WorkerEvent("progress", "unknown-job", {"stage": "front"}))
    assert table.jobs[JOB].state == "done" and list(table.jobs) == [JOB]


def test_malformed_fields_are_ignored(table: JobTable) -> None:
    fields = {"state": 3, "stage": None, "step": "x", "steps": [], "eta": "soon"}
    table.apply(WorkerEvent("progress", JOB, fields))
    view = table.jobs[JOB]
    assert (view.state, view.stage, view.step, view.eta) == ("running", "", 0, None)
    table.apply(WorkerEvent("results", fields={"jobs": [None, {"folder": 3}, {"avatars": "x"}]}))
    assert table.results == []


def test_results_are_listed_by_variant_and_deleted_by_job(table: JobTable, tmp_path: Path) -> None:
    table.store = tmp_path
    for variant in "01":
        (tmp_path / JOB / variant).mkdir(parents=True)
    entry = {"job": JOB, "prompt": "p", "seed": 9, "avatars": [{"folder": "0"}, {"folder": "1"}, {"folder": "2"}]}
    table.apply(WorkerEvent("results", fields={"jobs": [entry]}))
    assert [(result.folder, result.hypothesis, result.seed) for result in table.results] == [
        (tmp_path / JOB / "0", 0, 9),
        (tmp_path / JOB / "1", 1, 9),
    ]
    table.apply(WorkerEvent("delete", JOB, {"job": JOB}))
    assert table.results == []


def test_no_path_of_a_message_is_followed(table: JobTable, tmp_path: Path) -> None:
    table.store = tmp_path / "store"
    (tmp_path / "elsewhere" / "0").mkdir(parents=True)
    for job, folder in (("../elsewhere", str(tmp_path)), (str(tmp_path / "elsewhere"), "/"), (JOB, "../elsewhere")):
        entry = {"job": job, "folder": folder, "avatars": [{"folder": str(tmp_path / "elsewhere")}]}
        table.apply(WorkerEvent("results", fields={"jobs": [entry]}))
        assert table.results == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (65, "1 min 5 s"), (4200, "1 h 10 min"), (-3, "0 s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_whole_queue_has_a_bar(table: JobTable) -> None:
    table.sent("second-job", "x", 1)
    assert (table.fraction, table.finished) == (0.0, 0)
    table.apply(WorkerEvent("done", JOB, {}))
    assert (table.fraction, table.finished) == (0.5, 1)
    table.apply(WorkerEvent("done", "second-job", {}))
    assert table.fraction == 1.0
    table.sent("third-job", "x", 1)
    assert table.fraction == 0.0 and table.batch == ["third-job"]  # a new queue


def test_jobs_of_an_earlier_run_are_found_by_their_state(table: JobTable) -> None:
    entry = {"job": "earlier-job", "state": "running", "stage": "front", "step": 2, "steps": 8, "prompt": "a"}
    entry["seed"] = 4
    table.apply(WorkerEvent("status", fields={"jobs": [entry, "noise", {"job": 3}]}))
    view = table.jobs["earlier-job"]
    assert (view.prompt, view.seed, view.stage, view.active) == ("a", 4, "front", True)
    table.apply(WorkerEvent("status", fields={"jobs": [{"job": "earlier-job", "state": "done"}]}))
    assert view.state == "done"
    table.apply(WorkerEvent("status", fields={"jobs": [{"job": "much-earlier", "state": "failed", "code": "x"}]}))
    assert "much-earlier" not in table.jobs


def test_an_interrupted_job_goes_on(table: JobTable) -> None:
    view = table.jobs[JOB]
    view.interrupt()
    assert table.failed() == [view] and view.error is not None and "go on" in view.error.hint
    table.apply(WorkerEvent("status", fields={"jobs": [{"job": JOB, "state": "queued", "ahead": 1}]}))
    assert view.active and view.error is None and view.text == "Waiting, 1 ahead"
    view.cancelling = True
    assert view.text == "Cancelling"


def test_only_what_is_over_is_dismissed(table: JobTable) -> None:
    table.dismiss(JOB)
    assert JOB in table.jobs
    table.apply(WorkerEvent("failed", JOB, error=DoppelError("oom", "full")))
    table.dismiss(JOB)
    assert not table.jobs
