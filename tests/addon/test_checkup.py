"""The check of the installation, as the preferences run it: a program that says what it finds, line by line."""

import sys
import time
from pathlib import Path

from doppel_extension.blender_addon.core.checkup import Checkup, Finding

PROGRAM = """
import json, sys
assert sys.argv[1:3] == ["doctor", "--json"], sys.argv
print("a library remarks on something")
print(json.dumps({"subject": "python", "text": "3.11", "advice": ""}))
print(json.dumps({"subject": "weights", "text": "unet is missing", "advice": "install Doppel again"}))
"""


def check(tmp_path: Path, program: str, python: Path = Path(sys.executable)) -> Checkup:
    package = tmp_path / "backend"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(program)
    checkup = Checkup(python, tmp_path, tmp_path / "state", "cpu")
    deadline = time.monotonic() + 60.0
    while not checkup.finished:
        checkup.poll()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return checkup


def test_findings_come_line_by_line(tmp_path: Path) -> None:
    checkup = check(tmp_path, PROGRAM)
    assert checkup.findings == [
        Finding("python", "3.11"),
        Finding("weights", "unet is missing", "install Doppel again"),
    ]
    assert not checkup.poll()


def test_a_check_that_cannot_run_says_so(tmp_path: Path) -> None:
    (finding,) = check(tmp_path, "raise SystemExit('no module named torch')").findings
    assert "no module named torch" in finding.text and finding.advice


def test_a_missing_python_is_a_finding(tmp_path: Path) -> None:
    (finding,) = check(tmp_path, "", python=tmp_path / "nothing").findings
    assert "there is no" in finding.text and finding.advice == "press Set Up Worker"


def test_cancelling_ends_it(tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "cli.py").write_text("import time; time.sleep(600)")
    checkup = Checkup(Path(sys.executable), tmp_path, tmp_path / "state", "cpu")
    checkup.cancel()
    assert checkup.finished and not checkup.poll()
