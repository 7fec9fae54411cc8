"""The worker under load: many jobs from several clients, random cancels, and `kill -9` again and again.

    python tools/load_test.py                      # 200 jobs, 8 clients, 20 kills
    python tools/load_test.py --jobs 20 --kills 3

Real processes, sockets, files and clients; only the pipeline is a tiny one (tests/worker/tiny_worker.py). In the end
each job must have exactly one end, the same in the store as its client was told, the files of each finished job must
be whole and right, and no others may lie in the store. Prints what happened; ends with status 1 when a promise broke.
"""

import argparse
import importlib.util
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORKER = ROOT / "tests" / "worker" / "tiny_worker.py"
if "doppel_extension" not in sys.modules:  # the repository as the one package that it is in Blender
    spec = ModuleSpec("doppel_extension", loader=None, is_package=True)
    spec.submodule_search_locations = [str(ROOT)]
    sys.modules["doppel_extension"] = importlib.util.module_from_spec(spec)

from doppel_extension.backend.protocol.request import GenerateRequest  # noqa: E402
from doppel_extension.blender_addon.client import WorkerClient  # noqa: E402
from doppel_extension.blender_addon.core.process import WorkerProcess  # noqa: E402

TERMINAL = ("done", "failed", "cancelled")
BINARY = bytes(range(256)) * 64  # what tiny_worker.py saves as avatar.npz


@dataclass
class Report:
    """What happened, and what should not have."""

    jobs: int
    cancels: int = 0
    kills: int = 0
    starts: int = 0
    seconds: float = 0.0
    slowest_pump_ms: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {end}" for end, count in sorted(self.ends.items()))
        tries = ", ".join(f"{count} with {number}" for number, count in sorted(self.attempts.items()))
        return "\n".join(
            [
                f"jobs: {self.jobs}, ended: {sum(self.ends.values())} ({ends}); cancels asked for: {self.cancels}",
                f"kill -9: {self.kills}, starts of a worker: {self.starts}, {self.seconds:.0f} s in all",
                f"finished jobs by their tries: {tries}",
                f"slowest pump of a client, CPU time of its thread: {self.slowest_pump_ms:.2f} ms",
                f"broken promises: {len(self.problems)}",
                *self.problems,
            ]
        )


class Load:
    """One run of the load.

    Args:
        state: an empty folder for the worker.
        jobs: how many in all.
        clients: who sends them, in turn.
        kills: how often the worker is killed, spread over the jobs.
        seed: of the random cancels and moments.
    """

    def __init__(self, state: Path, jobs: int, clients: int, kills: int, seed: int) -> None:
        self.state = state
        self.chance = random.Random(seed)
        self.report = Report(jobs)
        back_off = (0.05,) * (kills + 5)
        self.process = WorkerProcess(Path(sys.executable), ROOT, state, command=(str(WORKER),), back_off=back_off)
        self.clients = [WorkerClient() for _ in range(clients)]
        self.told: dict[str, list[str]] = {f"load-job-{number:04}": [] for number in range(jobs)}
        self.senders = {job: self.clients[number % clients] for number, job in enumerate(self.told)}
        # After how many ends a job is cancelled (some before they run, some while, some too late), or a kill follows.
        self.cancels = {job: self.chance.randrange(jobs) for job in self.told if self.chance.random() < 0.3}
        self.kills_after = [round((number + 0.5) * jobs / (kills + 0.5)) for number in range(kills)]
        self.kill_at: float | None = None

    def run(self, limit_seconds: float = 1800.0) -> Report:
        """Send everything, disturb it, wait for the ends and look at the store."""
        started = time.monotonic()
        try:
            self.process.start()
            for job, client in self.senders.items():
                client.generate(job, request_of(job))
            while not all(self.told.values()) or self.kills_after:
                self._tick()
                if time.monotonic() - started > limit_seconds:
                    self.report.problems.append(f"not over after {limit_seconds:g} s")
                    break
                time.sleep(0.005)
            self._settle()
        finally:
            for client in self.clients:
                client.close()
            self.process.stop(wait=20)
        self.report.seconds = time.monotonic() - started
        self._check_store()
        return self.report

    def _tick(self) -> None:
        for event in self.process.poll():
            if event.kind == "ready" and event.address is not None:
                self.report.starts += 1
                for client in self.clients:
                    client.connect(event.address)
            elif event.kind == "failed":
                self.report.problems.append(f"the worker was given up: {event.error}")
        for client in self.clients:
            begun = time.thread_time()
            events = client.pump()
            self.report.slowest_pump_ms = max(self.report.slowest_pump_ms, (time.thread_time() - begun) * 1000)
            for event in events:
                if event.kind in ("done", "failed") and event.job in self.told:
                    state = event.fields.get("state") or f"refused: {event.fields.get('code')}"
                    self.told[event.job].append(str(state))
        ended = sum(map(bool, self.told.values()))
        for job in [job for job, after in self.cancels.items() if ended >= after]:
            del self.cancels[job]
            self.senders[job].cancel(job)
            self.report.cancels += 1
        self._kill_when_due(ended)

    def _kill_when_due(self, ended: int) -> None:
        now = time.monotonic()
        if self.kill_at is None:
            if self.kills_after and ended >= self.kills_after[0]:
                self.kill_at = now + self.chance.uniform(0.0, 0.25)
        elif now >= self.kill_at and self.process.state == "ready" and self.process.pid is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.report.kills += 1
            self.kills_after.pop(0)
            self.kill_at = None

    def _settle(self) -> None:
        """Let a late second end, if there is one, arrive."""
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            self._tick()
            time.sleep(0.02)

    def _check_store(self) -> None:
        problems = self.report.problems
        database = sqlite3.connect(self.state / "jobs.sqlite3")
        rows = {row[0]: row for row in database.execute("SELECT id, state, attempts, error, result FROM jobs")}
        if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            problems.append("the job list is damaged")
        database.close()
        for job, told in self.told.items():
            row = rows.get(job)
            if row is None:
                problems.append(f"{job} is lost")
                continue
            _, state, attempts, error, _ = row
            self.report.ends[state] += 1
            if state == "done":
                self.report.attempts[attempts] += 1
            if told != [state] or state not in TERMINAL:
                problems.append(f"{job} is {state}, its client was told {told}")
            if state == "failed" and (json.loads(error)["code"], attempts) != ("worker_crashed", 2):
                problems.append(f"{job} failed after {attempts} tries: {error}")
            if state == "done" and not _is_whole(self.state / "jobs" / job, job):
                problems.append(f"{job} is done, but its files are not right")
        folders = {path.name for path in (self.state / "jobs").iterdir()}
        if folders != {job for job, row in rows.items() if row[1] == "done"}:
            problems.append("the folders are not those of the finished jobs")
        if list((self.state / "staging").iterdir()):
            problems.append("half-written files were left")


def request_of(job: str) -> GenerateRequest:
    """A request whose result can be foretold: 2 to 4 steps of 50 ms, 1 or 2 variants."""
    number = int(job[-4:])
    return GenerateRequest(prompt=f"slow {job}", seed=number, steps=2 + number % 3, hypotheses=1 + number % 2)


def _is_whole(folder: Path, job: str) -> bool:
    request = request_of(job)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found.pop("job.json", None)
    wanted = {}
    for index in range(request.hypotheses):
        wanted[f"{index}/avatar.json"] = f'{{"text": "{request.prompt}/{request.seed}/{index}"}}'.encode()
        wanted[f"{index}/avatar.npz"] = BINARY
    return found == wanted


def main() -> int:
    """Run the load as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="doppel-load-") as folder:
        report = Load(Path(folder) / "state", args.jobs, args.clients, args.kills, args.seed).run()
    print(report)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
