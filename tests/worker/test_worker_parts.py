"""The small parts of the worker: clocks, explanations, result folders."""

import errno
from pathlib import Path

import pytest

from backend.protocol.errors import DoppelError
from backend.worker.failures import explain
from backend.worker.logs import without_prompts
from backend.worker.progress import StageClock, Throttle
from backend.worker.results import ResultFolders
from rigging.body_parameters import BodyParameterError

LOG = Path("worker.log")


def test_the_clock_counts_stages_and_takes_them_off_the_estimate():
    now = iter([0.0, 1.0, 2.0, 5.0]).__next__
    clock = StageClock({"front": 10.0, "lift": 4.0}, now)
    assert clock.enter("front") and clock.eta() == 14.0
    assert not clock.enter("front") and clock.eta() == 13.0
    assert clock.enter("lift") and clock.eta() == 10.0
    assert clock.spent() == {"front": 4.0}
    assert StageClock({}).eta() is None


def test_the_throttle_lets_important_reports_through():
    now = iter([0.0, 0.01, 0.02, 0.2]).__next__
    throttle = Throttle(now)
    assert [throttle.lets_through(important) for important in (False, False, True, False)] == [True, False, True, True]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (ModuleNotFoundError("No module named 'x'", name="x"), "environment_incomplete"),
        (BodyParameterError("betas must have 10 numbers"), "request_refused"),
        (ValueError("a bug"), "internal"),
        (DoppelError("weights_missing", "no weights"), "weights_missing"),
    ],
)
def test_errors_are_explained(error, code):
    assert explain(error, "front", LOG).code == code


def test_prompts_are_taken_out_of_texts():
    assert without_prompts("KeyError: 'Eve'", "Eve", "") == "KeyError: '<prompt of 3 characters>'"


def test_results_appear_at_once_and_staging_is_cleared(tmp_path):
    folders = ResultFolders(tmp_path)
    staged = folders.stage("job-00000001")
    (staged / "0" / "maps").mkdir(parents=True)
    (staged / "0" / "maps" / "a.png").write_bytes(b"png")
    assert folders.find("job-00000001") is None
    assert folders.commit("job-00000001", {})["avatars"] == [{"folder": "0", "files": {"maps/a.png": 3}}]
    assert folders.read("job-00000001", "0/maps/a.png", 1) == (b"ng", 3)
    folders.stage("job-00000002")
    assert list((tmp_path / "staging").iterdir())
    assert not list((ResultFolders(tmp_path)._staging).iterdir())
    assert folders.find("job-00000001") is not None
