"""The worker as a process: start, locks, kills, parents, file rights."""

import json
import os
import signal
import stat
import subprocess
import sys
import time

import pytest
from conftest import PROGRAM
from raw_client import RawClient

from backend.protocol.address import parse_ready_line
from backend.protocol.errors import DoppelError

JOB = "job-00000001"
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and file rights")


def test_the_ready_line_is_the_only_output_and_lies_in_the_state_folder(run_program):
    program = run_program()
    ready = parse_ready_line(program.line)
    assert ready["pid"] == program.process.pid and ready["endpoint"] == f"tcp://127.0.0.1:{ready['port']}"
    with RawClient(program.address) as client:
        assert json.loads((program.state / "worker.json").read_text()) == ready
        client.ask("shutdown")
    out, _ = program.process.communicate(timeout=10)
    assert (program.process.returncode, out) == (0, "")
    assert not (program.state / "worker.json").exists()


@posix
def test_keys_and_state_are_readable_by_their_owner_only(run_program):
    program = run_program()
    paths = [program.state, *program.state.rglob("*")]
    assert any(path.name == "client.json" for path in paths)
    loose = [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert loose == []


def test_a_second_worker_is_refused_in_a_sentence(run_program):
    run_program()
    second = run_program()
    with pytest.raises(DoppelError, match="another worker is already using"):
        parse_ready_line(second.line)
    _, stderr = second.process.communicate(timeout=10)
    assert second.process.returncode == 2 and "Traceback" not in stderr


@posix
def test_after_a_kill_the_job_runs_again_and_its_end_is_found(run_program):
    first = run_program()
    with RawClient(first.address) as client:
        client.generate(JOB, "slow", steps=10)
        client.generate("job-00000002", "a man")
        client.wait_for(lambda message: message.fields.get("step") == 1)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(10)
    with RawClient(run_program().address) as client:
        again = client.generate(JOB, "slow", steps=10)
        assert again.fields.get("duplicate") or again.type == "done"
        assert again.type == "done" or client.end_of(JOB).type == "done"
        assert client.ask("status", jobs=["job-00000002"]).fields["jobs"][0]["state"] != "failed"


@posix
def test_a_job_that_kills_the_worker_twice_has_failed(run_program):
    first = run_program()
    with RawClient(first.address) as client:
        client.send("generate", job=JOB, request={"prompt": "die"})
        first.process.wait(10)
    run_program().process.wait(10)
    with RawClient(run_program().address) as client:
        entry = client.ask("status", jobs=[JOB]).fields["jobs"][0]
        assert (entry["state"], entry["code"]) == ("failed", "worker_crashed")
        client.generate("job-00000002")
        assert client.end_of("job-00000002").type == "done"


@posix
def test_an_orderly_end_does_not_count_as_a_crash(run_program):
    for _ in range(2):
        program = run_program()
        with RawClient(program.address) as client:
            client.generate(JOB, "stuck")
            client.wait_for(lambda message: message.fields.get("state") == "running")
            program.process.send_signal(signal.SIGTERM)
            assert program.process.wait(10) == 0


@posix
def test_the_worker_ends_with_its_parent(tmp_path):
    code = (
        "import os, subprocess, sys\n"
        f"subprocess.Popen([{sys.executable!r}, {str(PROGRAM)!r}, '--state', {str(tmp_path / 'state')!r},"
        " '--parent-pid', str(os.getpid())])\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ready = parse_ready_line(parent.stdout.readline())
    parent.kill()
    parent.communicate(timeout=10)
    deadline = time.monotonic() + 10
    while _runs(ready["pid"]):
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.05)


def test_a_parent_that_does_not_exist_is_refused(run_program):
    with pytest.raises(DoppelError, match="there is no process"):
        parse_ready_line(run_program("--parent-pid", 2**22 + 1).line)


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(status) and not status.startswith("Z")
