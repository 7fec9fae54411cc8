"""Kills a worker's job list, folders and runner at any line of their code, and looks at what the next one finds.

A program, because it forks: `any_moment.py --moments 40` tries 40 moments spread over a life of two jobs, 0 tries all.
Each life is killed at its moment, the next one at another moment, and the one after that may live. It tells as JSON how
many moments there were and how the jobs ended; a broken promise ends it with a traceback.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from backend.protocol.errors import DoppelError
from backend.protocol.request import GenerateRequest
from backend.worker import runner as runner_module
from backend.worker.results import ResultFolders
from backend.worker.retention import settle
from backend.worker.runner import JobRunner, cancelled_error
from backend.worker.store import JobStore

WATCHED = (str(Path(runner_module.__file__).parent), shutil.__file__)
FIRST, SECOND = "job-first001", "job-second01"
FILES = {"0/avatar.glb": b"glb" * 5000, "0/avatar.json": b"{}", "0/maps/albedo.png": b"png" * 700}
KEEP_BYTES = sum(map(len, FILES.values())) + 1  # room for one job


class Avatar:
    def save(self, folder):
        for name, data in FILES.items():
            path = folder.parent / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)


def live(root, die_at, tell, cancel_first):
    """One worker's life, without sockets: settle, queue both jobs, run what waits. Ends by a kill at line `die_at`."""
    lines = 0

    def count(frame, event, _arg):
        nonlocal lines
        if event == "line":
            lines += 1
            if lines == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return count

    def watch(frame, _event, _arg):
        code = frame.f_code
        return count if code.co_filename.startswith(WATCHED) or code is Avatar.save.__code__ else None

    sys.settrace(watch)
    store, results = JobStore(root / "jobs.sqlite3"), ResultFolders(root)
    settle(store, results)

    def run_pipeline(request, progress, cancelled):
        for step in range(3):
            progress("front", step + 1, 3, None)
            if cancel_first and request.seed == 1 and step == 1:
                store.mark_cancelled(FIRST, cancelled_error())
                tell("asked", FIRST)
                runner.cancel(FIRST)
            if cancelled():
                raise DoppelError("cancelled", "the job was cancelled")
        return [Avatar()]

    def emit(message):
        if message.type in ("done", "failed"):
            tell(message.type, message.fields["job"])
        if not store.unfinished():
            runner.stop()

    device = {"name": "tiny", "free_memory": 1, "total_memory": 2}
    runner = JobRunner(store, results, lambda: run_pipeline, emit, root / "log", lambda: device, 9.0, KEEP_BYTES)
    for seed, job in enumerate((FIRST, SECOND), 1):
        if not (root / f"{job}.sent").exists():  # a client that knows its job's end does not send it again
            store.add(job, "generate", GenerateRequest(prompt="a man", seed=seed).to_dict())
            (root / f"{job}.sent").touch()
    if store.unfinished():
        runner.run()
    store.close()
    sys.settrace(None)
    tell("lines", str(lines))


def fork_and_live(root, die_at, cancel_first):
    """What the life told before it ended: lines of two words."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            live(root, die_at, lambda *words: os.write(write, (" ".join(words) + "\n").encode()), cancel_first)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(write)
    with open(read, encoding="ascii") as told:
        heard = [tuple(line.split()) for line in told]
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a life ended with an error"
    return heard


def check_folders(root):
    """At no moment is there a folder under jobs/ that is not whole."""
    for folder in (root / "jobs").glob("*"):
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        found.pop("job.json")
        assert found == FILES, (folder, sorted(found))


def check_end(root, told):
    """How the jobs ended, after the last life; every promise that an event made was kept."""
    store = JobStore(root / "jobs.sqlite3")
    ended = {}
    for job in (FIRST, SECOND):
        row = store.get(job)
        ended[job] = row.state if row else "removed"
        if row is not None and row.state == "failed":
            assert (row.error["code"], row.attempts) == ("worker_crashed", 2), row
    assert ended[SECOND] in ("done", "failed"), ended
    assert ended[FIRST] in ("done", "removed", "cancelled", "failed"), ended
    assert ended[FIRST] != "removed" or ended[SECOND] == "done", "the only avatar was removed"
    assert ("done", SECOND) not in told or ended[SECOND] == "done"
    assert ("done", FIRST) not in told or ended[FIRST] in ("done", "removed")
    assert ("asked", FIRST) not in told or ended[FIRST] == "cancelled", "a cancelled job was run again"
    folders = {path.name for path in (root / "jobs").iterdir()}
    assert folders == {job for job, state in ended.items() if state == "done"}, (folders, ended)
    assert not list((root / "staging").iterdir())
    store.close()
    return ended


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "whole").mkdir()
        lines = int(dict(fork_and_live(Path(folder) / "whole", 0, False))["lines"])
        moments = range(1, lines + 1) if args.moments == 0 else sorted(chance.sample(range(1, lines + 1), args.moments))
        for number, moment in enumerate(moments):
            root = Path(folder) / str(moment)
            root.mkdir()
            told = []
            for die_at in (moment, chance.randrange(1, lines), 0):
                told += fork_and_live(root, die_at, cancel_first=number % 3 == 0)
                check_folders(root)
            ended = check_end(root, told)
            ends.update(f"{job}: {state}" for job, state in ended.items())
    summary = {"lines": lines, "moments": len(moments), "kills": 2 * len(moments), "ends": dict(sorted(ends.items()))}
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
