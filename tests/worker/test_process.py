"""Starting, watching and stopping the worker's process the way Blender does."""

import os
import sys
import time
from pathlib import Path

import pytest
from conftest import PROGRAM
from doppel_extension.blender_addon.client import WorkerClient
from doppel_extension.blender_addon.core.process import WorkerProcess

ROOT = Path(__file__).resolve().parents[2]
TINY = (str(PROGRAM),)


def wait_for(process, kind, timeout=15.0):
    deadline, seen = time.monotonic() + timeout, []
    while time.monotonic() < deadline:
        seen += process.poll()
        for event in seen:
            if event.kind == kind:
                return event
        time.sleep(0.01)
    raise AssertionError(f"no {kind}: {seen}, {process.state}")


@pytest.fixture
def make(tmp_path):
    processes = []

    def make_it(command=TINY, python=sys.executable, back_off=(0.1,), **options):
        processes.append(
            WorkerProcess(Path(python), ROOT, tmp_path / "state", command=command, back_off=back_off, **options)
        )
        return processes[-1]

    yield make_it
    for process in processes:
        process.stop(wait=10)


def alive(pid):
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OSError):
        return False
    return True


def test_start_connect_and_stop(make):
    process = make()
    started = time.monotonic()
    process.start()
    process.start()
    assert time.monotonic() - started < 2.0 and process.state == "starting"
    address = wait_for(process, "ready").address
    pid = process.pid
    assert process.state == "ready" and alive(pid)
    client = WorkerClient()
    client.connect(address)
    deadline = time.monotonic() + 10
    while not any(event.kind == "connected" for event in client.pump()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    client.close()
    process.stop(wait=10)
    assert not alive(pid) and process.state == "stopped"


def test_a_worker_that_dies_is_started_again(make):
    process = make()
    process.start()
    wait_for(process, "ready")
    first = process.pid
    os.kill(first, 9)
    exited = wait_for(process, "exited")
    assert exited.error.code == "worker_exited"
    wait_for(process, "ready")
    assert process.pid not in (None, first)


def test_a_worker_that_is_asked_to_end_frees_its_memory_and_a_fresh_one_takes_its_place(make):
    process = make(back_off=())
    process.start()
    client = WorkerClient()
    for _ in range(2):
        client.connect(wait_for(process, "ready").address)
        pid = process.pid
        client.shutdown()
        told = None
        deadline = time.monotonic() + 15
        while told is None and time.monotonic() < deadline:
            told = next((event.error for event in client.pump() if event.kind == "disconnected"), None)
            time.sleep(0.01)
        assert told is not None and told.code == "worker_ended"
    client.close()
    wait_for(process, "ready")
    assert not alive(pid) and process.pid not in (None, pid)


def test_a_restart_frees_the_memory_without_a_complaint(make):
    process = make(back_off=())
    process.start()
    wait_for(process, "ready")
    first = process.pid
    process.restart()
    again = wait_for(process, "ready")
    assert again.address is not None and not alive(first) and process.pid not in (None, first)


def test_a_new_keeper_waits_for_the_worker_of_the_old_one(make):
    """Stopped and started again with other options: the new worker must not meet the lock of the old one."""
    old, new = make(), make(back_off=())
    old.start()
    wait_for(old, "ready")
    first = old.pid
    old.stop()
    new.start(after=old)
    wait_for(new, "ready")
    assert not new.adopted and not alive(first)


def test_there_is_no_storm_of_starts(make, tmp_path):
    marks = tmp_path / "marks"
    code = f"open({str(marks)!r}, 'a').write('x'); import sys; sys.exit('the driver is too old')"
    process = make(command=("-c", code), back_off=(0.05, 0.05))
    process.start()
    failed = wait_for(process, "failed")
    assert "code 1" in failed.error.message and "the driver is too old" in failed.error.message
    assert "worker.log" in failed.error.hint
    assert marks.read_text() == "xxx" and process.state == "failed"


def test_a_missing_python_is_told_and_not_tried_again(make):
    process = make(python="/no/such/python")
    process.start()
    failed = wait_for(process, "failed")
    assert failed.error.code == "python_missing" and "/no/such/python" in failed.error.message


def test_an_incomplete_environment_is_told(make):
    process = make(command=("-c", "import no_such_package"), back_off=())
    process.start()
    assert wait_for(process, "failed").error.code == "environment_incomplete"


def test_the_workers_own_reason_is_told_and_not_tried_again(make):
    process = make(command=("-m", "backend.cli", "worker"), options=("--weights", "/no/such/folder"))
    process.start()
    failed = wait_for(process, "failed")
    assert failed.error.code == "weights_missing"


def test_a_worker_that_is_never_ready_is_given_up(make):
    process = make(command=("-c", "import time; print('loading'); time.sleep(60)"), back_off=(), ready_seconds=0.5)
    process.start()
    assert wait_for(process, "failed").error.code == "worker_not_ready"


def test_much_output_does_not_stop_the_worker(make):
    code = "import sys; sys.stderr.write('noise\\n' * 100000); print('noise\\n' * 100000); sys.exit(3)"
    process = make(command=("-c", code), back_off=())
    process.start()
    assert "code 3" in wait_for(process, "failed").error.message


def test_blenders_python_settings_do_not_reach_the_worker(make, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/blender/python")
    process = make()
    process.start()
    wait_for(process, "ready")


def test_a_running_worker_is_adopted_and_replaced_when_it_goes(make, run_program):
    theirs = run_program()
    process = make()
    process.start()
    address = wait_for(process, "ready").address
    assert process.adopted and address.endpoint == theirs.address.endpoint and process.pid is None
    theirs.end()
    process.check()
    assert wait_for(process, "ready").address.endpoint != address.endpoint
    assert not process.adopted and process.pid
