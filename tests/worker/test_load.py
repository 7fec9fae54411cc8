"""A small run of tools/load_test.py: jobs of several clients, cancels, and a worker that is killed in between."""

import importlib.util
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "load_test.py"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_each_job_has_one_end_whatever_happens_to_the_worker(tmp_path):
    spec = importlib.util.spec_from_file_location("load_test", TOOL)
    tool = sys.modules["load_test"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    report = tool.Load(tmp_path / "state", jobs=20, clients=4, kills=3, seed=5).run(limit_seconds=240)
    assert report.problems == []
    assert sum(report.ends.values()) == 20 and report.kills == 3 and report.starts >= 4
    assert report.ends["done"] >= 10 and report.ends["cancelled"] >= 1
    assert report.slowest_pump_ms < 20
