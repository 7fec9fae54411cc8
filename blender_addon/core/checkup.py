# SPDX-License-Identifier: GPL-3.0-or-later
"""`doppel doctor` in the worker's Python, its findings as they come."""

import json
from dataclasses import dataclass
from pathlib import Path

from .build_environment import clean_variables
from .lines import LineProcess


@dataclass(frozen=True)
class Finding:
    """One checked thing; `advice` says what to do and is empty when it is fine."""

    subject: str
    text: str
    advice: str = ""


class Checkup:
    """A running check of the installation. `poll` never waits."""

    def __init__(self, python: Path, root: Path, state_dir: Path, device: str, body: Path | None = None) -> None:
        self.findings: list[Finding] = []
        self.finished = False
        self._last_line = ""
        command = [str(python), "-m", "backend.cli", "doctor", "--json", "--state", str(state_dir), "--device", device]
        if body is not None:
            command += ["--body", str(body)]
        variables = {**clean_variables(), "PYTHONPATH": str(root), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
        self._process: LineProcess | None = None
        if not python.is_file():
            self._end(Finding("python", f"there is no {python}", "press Set Up Worker"))
            return
        try:
            self._process = LineProcess(command, variables, cwd=root)  # -m looks in the working folder first
        except OSError as error:
            self._end(Finding("python", f"{python} cannot be run: {error.strerror}", "press Set Up Worker"))

    def poll(self) -> bool:
        """Take in what was found since the last call; returns whether anything changed."""
        if self.finished or self._process is None:
            return False
        count = len(self.findings)
        for line in self._process.lines():
            self._last_line = line or self._last_line
            self._take(line)
        if self._process.ended:
            if not self.findings:
                self._end(
                    Finding(
                        "python", f"the check ended early: {self._last_line[-200:]}", "set up the worker from scratch"
                    )
                )
            self.finished = True
        return self.finished or len(self.findings) > count

    def cancel(self) -> None:
        """Stop it."""
        if self._process is not None and not self.finished:
            self._process.kill()
        self.finished = True

    def _end(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.finished = True

    def _take(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return  # a library's warning
        if isinstance(said, dict) and {"subject", "text", "advice"} <= said.keys():
            self.findings.append(Finding(str(said["subject"]), str(said["text"]), str(said["advice"])))
