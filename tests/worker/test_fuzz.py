"""A small run of tools/fuzz_worker.py: malformed messages to a real worker."""

import importlib.util
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "fuzz_worker.py"


def test_malformed_messages_are_answered_and_leave_nothing_behind(tmp_path):
    spec = importlib.util.spec_from_file_location("fuzz_worker", TOOL)
    tool = sys.modules["fuzz_worker"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    report = tool.fuzz(tmp_path / "state", 300)
    assert report.problems == []
    assert report.messages == 300 and sum(report.answers.values()) == 300
    assert len(report.answers) > 8, "the messages are all refused for the same few reasons"
