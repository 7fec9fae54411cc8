"""The small parts of the worker: clocks, explanations, result folders."""

import errno
import logging
from pathlib import Path

import pytest

from backend.protocol.errors import DoppelError
from backend.protocol.request import GenerateRequest
from backend.worker import device
from backend.worker.failures import explain, is_out_of_memory, lighter, out_of_memory
from backend.worker.logs import keep_private, start_logging, without_prompts
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


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA error"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (RuntimeError("shapes do not fit"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_short_memory_is_recognised(error, short):
    assert is_out_of_memory(error) is short


def test_a_lighter_request_asks_for_half_until_there_is_no_less():
    request, seen = GenerateRequest(prompt="x", hypotheses=5, texture_size=1000), []
    while request is not None:
        seen.append((request.hypotheses, request.texture_size))
        request = lighter(request)
    assert seen == [(5, 1000), (2, 500), (1, 256)]


def test_short_memory_is_told_with_the_numbers_there_are():
    device = {"name": "RTX 4060", "free_memory": 1_181_116_006, "total_memory": 8 * 2**30}
    error = RuntimeError("CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of 8 GiB")
    told = out_of_memory(error, "back", [GenerateRequest(prompt="x", hypotheses=2)], device)
    assert told.message == (
        "there was not enough memory for the stage 'back': 512.00 MiB more were wanted; "
        "1.1 of 8.0 GiB are free on RTX 4060; tried with 2 variants at 1024 pixels"
    )
    assert told.hint.startswith("ask for fewer variants than 2, set the texture below 1024, close other programs")
    assert out_of_memory(MemoryError(), "load", [], None).message.endswith("for the stage 'load'")


def test_a_device_is_described_from_another_process_as_from_this_one(monkeypatch):
    """The card is asked from outside; here, without one, the other process answers that it has none."""
    with pytest.raises(DoppelError, match="the CUDA device 7 does not answer"):
        device._ask_another_process(7)
    assert device.describe_device("cpu").keys() == {"kind", "name", "free_memory", "total_memory"}
    with pytest.raises(DoppelError, match="cannot use the device 'cuda:99'"):
        device.choose_device("cuda:99")


def test_nothing_that_is_logged_during_a_job_has_its_prompt(tmp_path):
    handler = start_logging(tmp_path)
    log = logging.getLogger("some.library")
    try:
        with keep_private("Eve in\n'red'", "no hat"):
            log.warning("encoding %r", "Eve in\n'red'")
            log.warning("tokens of %s", "Eve in\n'red'")
            try:
                raise KeyError("no hat")
            except KeyError:
                log.exception("failed")
        log.warning("afterwards no hat is private")
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    written = (tmp_path / "logs" / "worker.log").read_text()
    assert "Eve" not in written and written.count("<prompt of 12 characters>") == 2
    assert "KeyError: '<prompt of 6 characters>'" in written and "afterwards no hat" in written


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
