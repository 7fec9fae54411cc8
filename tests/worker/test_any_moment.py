"""A worker that is killed at any line of its code leaves jobs that the next one brings to one end, with whole files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("any_moment.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_kills_at_many_moments(tmp_path):
    # What a kill leaves does not depend on the disk; flushing to memory is quick.
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else str(tmp_path)
    command = [sys.executable, str(PROGRAM), "--moments", "50"]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TMPDIR": folder})
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert summary["kills"] == 100 and sum(summary["ends"].values()) == 100
    assert summary["ends"]["job-second01: done"] > 30 and summary["ends"]["job-first001: cancelled"] > 10
