# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the jobs and results at the worker, from the events that the client delivers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...backend.protocol.errors import DoppelError
from ...backend.protocol.jobs import CANCELLED, DONE, FAILED, QUEUED, RUNNING, TERMINAL, is_job_id
from ...backend.protocol.request import HYPOTHESES_RANGE
from .inbox import WorkerEvent

STAGES = {
    "photo": "Reading the photo",
    "body": "Posing the body",
    "front": "Painting the front",
    "back": "Imagining the back",
    "close_up": "Painting the face",
    "lift": "Lifting into 3D",
    "texture": "Texturing",
    "rig": "Rigging",
    "save": "Saving",
    "download": "Fetching the files",
}
AVATAR, FIT = "generate", "fit_photo"
"""Kinds of jobs: one that makes avatars, and one that fits a body to a photo."""

INTERRUPTED = "worker_stopped"
_SHARED = ("body", "front", "back", "close_up")  # once a job; the others once for each hypothesis
_REPEATED = ("lift", "texture", "rig")


@dataclass
class JobView:
    """One job as the panel shows it."""

    job: str
    prompt: str
    seed: int
    hypotheses: int = 1
    state: str = QUEUED
    stage: str = ""
    hypothesis: int = 0  # the one that is being lifted, textured or rigged
    step: int = 0
    steps: int = 0
    eta: float | None = None
    ahead: int = 0
    error: DoppelError | None = None
    preview: bytes = b""  # PNG of the latest step, where there was one
    cancelling: bool = False  # the artist has asked for its end
    request: dict[str, Any] = field(default_factory=dict)  # what was sent; empty for another program's job
    kind: str = AVATAR
    photo: Path | None = None  # the file that was sent with it
    back_photo: Path | None = None  # that of the photo from behind
    reads_photo: bool = False  # whether its first stage is to read one

    @property
    def title(self) -> str:
        """What the panels call it."""
        if self.kind == FIT:
            return "Body from a photo" if self.photo is None else f"Body from {self.photo.name[:50]}"
        person = "Avatar" if self.photo is None else f"Avatar from {self.photo.name[:50]}"
        return f"{self.prompt[:60] or person} ({self.seed})"

    @property
    def active(self) -> bool:
        """Whether it is not over yet."""
        return self.state not in TERMINAL

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1: whole stages and the part of the present one. It never reaches 1 before the end."""
        if self.state == DONE:
            return 1.0
        part = self.detail
        if self.stage == "download":
            return part
        shared = ("photo", *_SHARED) if self.reads_photo else _SHARED
        if self.stage in shared:
            before = shared.index(self.stage)
        elif self.stage in _REPEATED:
            before = len(shared) + len(_REPEATED) * self.hypothesis + _REPEATED.index(self.stage)
        elif self.stage == "save":
            before = len(shared) + len(_REPEATED) * self.hypotheses
        else:
            return 0.0
        return min((before + part) / (len(shared) + len(_REPEATED) * self.hypotheses + 1), 0.99)

    @property
    def interrupted(self) -> bool:
        """Whether its worker was stopped: it goes on when one is started again."""
        return self.error is not None and self.error.code == INTERRUPTED

    def interrupt(self) -> None:
        """Its worker is gone, but has it in its list."""
        self.error = DoppelError(
            INTERRUPTED, "the worker was stopped", "its unfinished avatars go on when it is started again"
        )
        self.state, self.eta, self.preview = FAILED, None, b""

    @property
    def detail(self) -> float:
        """How far the present stage is, 0 to 1."""
        return min(max(self.step / self.steps, 0.0), 1.0) if self.steps > 0 else 0.0

    @property
    def text(self) -> str:
        """One line: the stage and the step."""
        if self.cancelling and self.active:
            return "Cancelling"
        if self.state == QUEUED:
            return f"Waiting, {self.ahead} ahead" if self.ahead else "Waiting"
        if self.state == DONE:
            return "Done"
        if self.state == CANCELLED:
            return "Cancelled"
        if self.state == FAILED:
            return "Failed"
        if self.state == "loading":
            return "Loading the models"
        words = STAGES.get(self.stage, self.stage.capitalize() or "Working")
        if self.hypotheses > 1 and self.stage in _REPEATED:
            words += f" (variant {self.hypothesis + 1} of {self.hypotheses})"
        if self.steps > 1 and self.stage != "download":
            words += f" {self.step}/{self.steps}"
        return words

    @property
    def time_left(self) -> str:
        """'1 min 5 s left', or nothing while that is not known."""
        return "" if self.eta is None or self.cancelling or not self.active else f"{duration(self.eta)} left"


@dataclass(frozen=True)
class ResultView:
    """One avatar that lies in the worker's store."""

    job: str
    folder: Path
    hypothesis: int
    prompt: str
    seed: int


def duration(seconds: float) -> str:
    """'8 s', '2 min 5 s', '1 h 10 min'."""
    whole = max(int(round(seconds)), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@dataclass
class JobTable:
    """Jobs by id in the order in which they were sent, and the list of results."""

    jobs: dict[str, JobView] = field(default_factory=dict)
    results: list[ResultView] = field(default_factory=list)
    store: Path = Path()  # where finished jobs lie on this machine
    batch: list[str] = field(default_factory=list)  # the jobs since the queue was last empty

    def sent(
        self,
        job: str,
        prompt: str,
        seed: int,
        hypotheses: int = 1,
        request: dict[str, Any] | None = None,
        kind: str = AVATAR,
        photo: Path | None = None,
    ) -> JobView:
        """A request is on its way."""
        if not self.active():
            self.batch = []
        self.batch.append(job)
        view = JobView(job, prompt, seed, hypotheses, request=request or {}, kind=kind, photo=photo)
        view.reads_photo = photo is not None
        self.jobs[job] = view
        return view

    @property
    def fraction(self) -> float:
        """How far the whole queue is, 0 to 1, its jobs that are over included."""
        views = [self.jobs[job] for job in self.batch if job in self.jobs]
        return sum(view.fraction if view.active else 1.0 for view in views) / len(views) if views else 0.0

    @property
    def finished(self) -> int:
        """How many of the queue's jobs are over."""
        return sum(not self.jobs[job].active for job in self.batch if job in self.jobs)

    def active(self) -> list[JobView]:
        """The jobs that are not over, oldest first."""
        return [view for view in self.jobs.values() if view.active]

    def last_failure(self) -> JobView | None:
        """The newest job when it has failed."""
        newest = next(reversed(self.jobs.values()), None)
        return newest if newest is not None and newest.state == FAILED else None

    def failed(self) -> list[JobView]:
        """The jobs that have failed and were not dismissed, newest first."""
        return [view for view in reversed(self.jobs.values()) if view.state == FAILED]

    def dismiss(self, job: str) -> None:
        """Forget a job that is over."""
        if job in self.jobs and not self.jobs[job].active:
            del self.jobs[job]

    def apply(self, event: WorkerEvent) -> None:
        """Take in one event about a job; others are ignored."""
        if event.kind == "results" and isinstance(event.fields.get("jobs"), list):
            self.results = list(_results(event.fields["jobs"], self.store))
            return
        if event.kind == "delete":
            self.results = [result for result in self.results if result.job != event.job]
            return
        if event.kind == "status" and isinstance(event.fields.get("jobs"), list):
            for entry in event.fields["jobs"]:
                if isinstance(entry, dict):
                    self._take_status(entry)
            return
        view = self.jobs.get(event.job)
        if view is None or not view.active:
            return
        if event.kind in ("accepted", "cancel"):
            self._advance(view, event.fields)
        elif event.kind == "progress":
            self._advance(view, event.fields)
            if view.state in (QUEUED, ""):
                view.state = RUNNING
            if event.frames:
                view.preview = event.frames[0]
        elif event.kind == "done":
            view.state, view.eta, view.preview = DONE, None, b""
        elif event.kind == "failed":
            view.error = event.error or DoppelError.from_dict(event.fields)
            view.state = CANCELLED if view.error.code == "cancelled" else FAILED
            view.eta, view.preview = None, b""

    def _take_status(self, entry: dict[str, Any]) -> None:
        """The state of one job, known or sent by another program or by an earlier run of this one."""
        job, state = entry.get("job"), entry.get("state")
        if not isinstance(job, str) or not isinstance(state, str):
            return
        view = self.jobs.get(job)
        if view is None:
            if state in TERMINAL:
                return
            view = self.sent(job, str(entry.get("prompt") or ""), _whole(entry.get("seed")), 1)
            view.hypotheses = max(_whole(entry.get("hypotheses")), 1)
        if entry.get("kind") == FIT:
            view.kind = FIT
        if view.interrupted:
            view.state, view.error = QUEUED, None
            self.batch.append(job)
        if not view.active:
            return
        if state in (FAILED, CANCELLED):
            view.error = DoppelError.from_dict(entry)
        self._advance(view, entry)
        if not view.active:
            view.eta, view.preview = None, b""

    @staticmethod
    def _advance(view: JobView, fields: dict[str, Any]) -> None:
        if isinstance(fields.get("state"), str):
            view.state = fields["state"]
        stage = fields.get("stage")
        if isinstance(stage, str):
            if stage in _REPEATED and view.stage in _REPEATED and _REPEATED.index(stage) < _REPEATED.index(view.stage):
                view.hypothesis = min(view.hypothesis + 1, view.hypotheses - 1)
            view.stage = stage
            view.reads_photo |= stage == "photo"
        for name in ("step", "steps", "ahead"):
            if isinstance(fields.get(name), int):
                setattr(view, name, fields[name])
        eta = fields.get("eta")
        view.eta = float(eta) if isinstance(eta, (int, float)) else None


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _results(jobs: Iterable[Any], store: Path) -> Iterable[ResultView]:
    """What is listed and lies in `store`: where files are is ours to say, whatever path a message names."""
    for entry in jobs:
        avatars = entry.get("avatars") if isinstance(entry, dict) else None
        if not isinstance(avatars, list) or not is_job_id(entry.get("job")) or entry.get("kind", AVATAR) != AVATAR:
            continue
        for index in range(min(len(avatars), HYPOTHESES_RANGE[1])):
            folder = store / entry["job"] / str(index)
            if folder.is_dir():
                prompt, seed = str(entry.get("prompt", "")), _whole(entry.get("seed"))
                yield ResultView(entry["job"], folder, index, prompt, seed)
