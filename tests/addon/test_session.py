"""The session against a real worker process with a tiny pipeline (see tests/worker/tiny_worker.py)."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doppel_extension.backend.protocol.address import WorkerAddress, parse_ready_line
from doppel_extension.backend.protocol.errors import DoppelError
from doppel_extension.backend.protocol.request import GenerateRequest
from doppel_extension.blender_addon.core.job_table import FIT
from doppel_extension.blender_addon.core.photo_file import UNREAD
from doppel_extension.blender_addon.core.photo_fit import read_fit
from doppel_extension.blender_addon.session import Session

from backend.photo.networks import why_unavailable

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 60.0

# Stands in the place of backend/cli.py: drops the options that the tiny worker does not know and becomes it.
PROGRAM = f"""
import runpy, sys
for name in ("backend.cli", "backend"):
    sys.modules.pop(name, None)
sys.path[:0] = [{str(REPOSITORY)!r}]
pairs = dict(zip(sys.argv[2::2], sys.argv[3::2]))
pairs.pop("--device")
sys.argv = ["tiny", *(word for pair in pairs.items() for word in pair)]
runpy.run_path({str(REPOSITORY / "tests" / "worker" / "tiny_worker.py")!r}, run_name="__main__")
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    package = tmp_path / "root" / "backend"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(PROGRAM)
    result = Session()
    yield result
    result.close()


def start(session: Session, tmp_path: Path) -> None:
    session.start(Path(sys.executable), tmp_path / "state", "cpu", root=tmp_path / "root")
    wait(session, lambda: session.state == "ready" and bool(session.device))


def wait(session: Session, reached: Callable[[], bool]) -> None:
    """Poll, as the pump does, until `reached`."""
    deadline = time.monotonic() + SECONDS
    while not reached():
        session.poll()
        assert time.monotonic() < deadline, (session.state, session.error)
        time.sleep(0.01)


def test_from_start_to_results(session: Session, tmp_path: Path) -> None:
    assert session.state == "off"
    start(session, tmp_path)
    assert session.device["name"] == "tiny" and session.error is None
    job = session.submit(GenerateRequest(prompt="slow coat", seed=3, hypotheses=2))
    view = session.table.jobs[job]
    stages = set()

    def done() -> bool:
        stages.add((view.state, view.stage))
        return view.state == "done"

    wait(session, done)
    assert ("running", "front") in stages
    wait(session, lambda: len(session.table.results) == 2)
    listed = [(result.job, result.hypothesis, result.seed) for result in session.table.results]
    assert listed == [(job, 0, 3), (job, 1, 3)]
    assert all((result.folder / "avatar.npz").is_file() for result in session.table.results)
    session.delete(job)
    wait(session, lambda: not session.table.results)
    assert not (tmp_path / "state" / "jobs" / job).exists()


def test_cancel(session: Session, tmp_path: Path) -> None:
    start(session, tmp_path)
    job = session.submit(GenerateRequest(prompt="stuck"))
    wait(session, lambda: session.table.jobs[job].state == "running")
    session.cancel(job)
    wait(session, lambda: not session.table.active())
    assert session.table.jobs[job].state == "cancelled" and session.error is None


def test_a_failed_job_says_why_and_the_worker_goes_on(session: Session, tmp_path: Path) -> None:
    start(session, tmp_path)
    job = session.submit(GenerateRequest(prompt="out of memory"))
    wait(session, lambda: not session.table.active())
    failure = session.table.last_failure()
    assert failure is not None and failure.job == job and failure.error is not None and failure.error.hint
    assert session.state == "ready" and session.error is None


def test_results_survive_the_worker(session: Session, tmp_path: Path) -> None:
    start(session, tmp_path)
    job = session.submit(GenerateRequest(prompt="coat"))
    wait(session, lambda: len(session.table.results) == 1)
    session.stop(wait=20.0)
    assert session.state == "off" and session.device == {}
    session.table.results.clear()
    start(session, tmp_path)
    wait(session, lambda: [result.job for result in session.table.results] == [job])


def test_stopping_marks_what_was_being_made(session: Session, tmp_path: Path) -> None:
    start(session, tmp_path)
    job = session.submit(GenerateRequest(prompt="stuck"))
    wait(session, lambda: session.table.jobs[job].state == "running")
    session.stop(wait=20.0)
    failure = session.table.last_failure()
    assert failure is not None and failure.error is not None and failure.error.code == "worker_stopped"


def test_a_restart_frees_the_memory_and_the_jobs_go_on(session: Session, tmp_path: Path) -> None:
    start(session, tmp_path)
    job = session.submit(GenerateRequest(prompt="slow coat", steps=8))
    wait(session, lambda: session.table.jobs[job].state == "running")
    assert session._process is not None
    first = session._process.pid
    errors = set()
    assert session.restart()

    def done() -> bool:
        errors.add(None if session.error is None else session.error.code)
        return session.table.jobs[job].state == "done"

    wait(session, done)
    assert errors == {None} and session._process.pid not in (None, first)


def test_a_worker_on_another_machine(session: Session, tmp_path: Path) -> None:
    """It is started by hand, and reached by its address and public key; its avatars are copied and found here."""
    program = REPOSITORY / "tests" / "worker" / "tiny_worker.py"
    command = [sys.executable, str(program), "--state", str(tmp_path / "there")]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None
        ready = parse_ready_line(worker.stdout.readline())
        assert ready is not None
        key = tmp_path / "there" / "keys" / "client.json"
        address = WorkerAddress.from_files(ready["endpoint"], ready["public_key"], key)
        session.connect(address, tmp_path / "here")
        wait(session, lambda: session.state == "ready")
        job = session.submit(GenerateRequest(prompt="coat", seed=4, hypotheses=2))
        wait(session, lambda: len(session.table.results) == 2)
        assert [result.folder for result in session.table.results] == [tmp_path / "here" / job / v for v in "01"]
        assert (tmp_path / "here" / job / "1" / "avatar.npz").is_file()
        with pytest.raises(DoppelError, match="start it again there"):
            session.restart()
        session.delete(job)
        wait(session, lambda: not session.table.results and not (tmp_path / "here" / job).exists())
        session.stop()
        assert session.state == "off" and worker.poll() is None
    finally:
        worker.kill()
        worker.communicate()


def test_refusals(session: Session, tmp_path: Path) -> None:
    with pytest.raises(DoppelError) as missing:
        session.start(tmp_path / "python", tmp_path / "state", "cpu")
    assert missing.value.code == "python_missing" and "Set Up Worker" in missing.value.hint
    with pytest.raises(DoppelError) as off:
        session.submit(GenerateRequest(prompt="coat"))
    assert off.value.code == "worker_off"


def test_a_worker_that_cannot_start_is_a_failure_with_its_reason(session: Session, tmp_path: Path) -> None:
    (tmp_path / "root" / "backend" / "cli.py").write_text("import nothing_of_that_name")
    session.start(Path(sys.executable), tmp_path / "state", "cpu", root=tmp_path / "root")
    wait(session, lambda: session.error is not None)
    assert session.error is not None and "nothing_of_that_name" in session.error.message
    assert session.state in ("lost", "failed") and session.log_file is not None


def test_another_session_sees_a_job_to_its_end(session: Session, tmp_path: Path) -> None:
    start(session, tmp_path)
    job = session.submit(GenerateRequest(prompt="slow coat", seed=4, steps=40, hypotheses=2))
    other = Session()
    try:
        other.expect("deleted-long-ago", "a hat", 1, 1)
        assert other.table.failed()[0].interrupted
        start(other, tmp_path)
        assert other.adopted
        wait(other, lambda: job in other.table.jobs)
        view = other.table.jobs[job]
        assert (view.prompt, view.seed, view.hypotheses) == ("slow coat", 4, 2)
        wait(other, lambda: view.state == "done")  # its end is told to the session that sent it, and asked for here
        wait(other, lambda: [result.job for result in other.table.results] == [job, job])
        assert "deleted-long-ago" not in other.table.jobs
    finally:
        other.close()


def test_results_are_listed_without_a_worker(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "jobs" / "some-old-job" / "0"
    folder.mkdir(parents=True)
    (folder / "avatar.json").write_text('{"request": {"prompt": "a coat", "seed": 2}}')
    session.list_from_disk(tmp_path / "state")
    wait(session, lambda: [(result.job, result.seed) for result in session.table.results] == [("some-old-job", 2)])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(1000))
    return path


@pytest.mark.skipif(bool(why_unavailable()), reason=f"photos cannot be read here: {why_unavailable()}")
def test_a_photo_goes_to_the_worker_and_its_body_comes_back(session: Session, tmp_path: Path, photo: Path) -> None:
    start(session, tmp_path)
    assert session.no_photos == ""
    job = session.submit(GenerateRequest(prompt="", photo=UNREAD), photo, FIT)
    view = session.table.jobs[job]
    assert view.title == "Body from me.jpg" and view.active
    wait(session, lambda: not view.active)
    assert view.state == "done", view.error
    fit = read_fit(session.table.store / job / "0")
    assert fit.warnings == ("The photo has 1004 bytes.",)
    other = session.submit(GenerateRequest(prompt="a coat", photo=UNREAD), photo)
    wait(session, lambda: [result.job for result in session.table.results] == [other])  # a fit is no avatar
    assert session.table.jobs[other].request["photo"] not in ("", UNREAD)


@pytest.mark.skipif(bool(why_unavailable()), reason=f"photos cannot be read here: {why_unavailable()}")
def test_two_photos_go_to_the_worker(session: Session, tmp_path: Path, photo: Path) -> None:
    start(session, tmp_path)
    back = tmp_path / "back.jpg"
    back.write_bytes(photo.read_bytes() + b"behind")
    asked = GenerateRequest(prompt="a coat", photo=UNREAD, back_photo=UNREAD)
    job = session.submit(asked, photo, back_photo=back)
    view = session.table.jobs[job]
    wait(session, lambda: not view.active)
    assert view.state == "done", view.error
    assert view.back_photo == back and len({view.request["photo"], view.request["back_photo"], UNREAD}) == 3
    missing = session.submit(asked, photo, back_photo=tmp_path / "absent.jpg")
    wait(session, lambda: not session.table.active())
    error = session.table.jobs[missing].error
    assert error is not None and error.code == "photo_missing" and "absent.jpg" in error.message


def test_a_photo_that_will_not_do_ends_its_job(session: Session, tmp_path: Path) -> None:
    start(session, tmp_path)
    (tmp_path / "text.jpg").write_text("no photo")
    for name, code in (("text.jpg", "photo_format"), ("absent.jpg", "photo_missing")):
        job = session.submit(GenerateRequest(prompt="", photo=UNREAD), tmp_path / name)
        wait(session, lambda: not session.table.active())
        error = session.table.jobs[job].error
        assert error is not None and error.code == code
    assert session.state == "ready" and session.error is None


def test_a_job_can_be_cancelled_while_its_photo_is_read(session: Session, tmp_path: Path, photo: Path) -> None:
    start(session, tmp_path)
    job = session.submit(GenerateRequest(prompt="", photo=UNREAD), photo)
    session.cancel(job)  # what was read is taken in by the next poll only
    assert session.table.jobs[job].text == "Cancelling"
    wait(session, lambda: not session.table.active())
    assert session.table.jobs[job].state == "cancelled"


def test_a_worker_without_networks_says_so_until_they_are_set_up(
    session: Session, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOPPEL_PHOTO_NETWORKS", str(tmp_path / "networks"))
    start(session, tmp_path)
    assert session.no_photos and FIT not in session.capabilities
    job = session.submit(GenerateRequest(prompt="", photo=UNREAD), photo)
    wait(session, lambda: not session.table.active())
    error = session.table.jobs[job].error
    assert error is not None and error.code == "photo_unavailable"

    def set_up(code: str) -> None:
        (tmp_path / "root" / "backend" / "cli.py").write_text(code)
        session.set_up_photos(Path(sys.executable), root=tmp_path / "root")
        setup = session.photo_setup
        assert setup is not None
        deadline = time.monotonic() + SECONDS
        while not setup.finished:
            session.poll_photo_setup()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    set_up("import sys; print('doppel: error: no connection', file=sys.stderr); sys.exit(2)")
    assert session.photo_setup is not None and session.photo_setup.error is not None
    assert "no connection" in session.photo_setup.error.message
    set_up("import sys; assert sys.argv[1:] == ['setup', 'photo']; print('photos can be read')")
    assert session.photo_setup.error is None and session.photo_setup.message == "Photos can be read"
    before = session.capabilities
    session.capabilities = frozenset()
    wait(session, lambda: session.capabilities == before)  # the worker was asked anew
