"""Malformed messages against a real worker: each gets one answer, none stops it, and its memory does not grow.

    python tools/fuzz_worker.py                    # 10,000 messages
    python tools/fuzz_worker.py --messages 300

The messages are made by hypothesis: noise, damaged and truncated headers, frames where there should be none, JSON of
any shape, and requests whose fields have any type and value; a few are right by chance, and are served. Prints what
came back and the worker's resident memory; ends with status 1 when a promise broke.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
WORKER = ROOT / "tests" / "worker" / "tiny_worker.py"
sys.path[:0] = [str(ROOT), str(WORKER.parent)]

from raw_client import RawClient  # noqa: E402

from backend.protocol.address import WorkerAddress, parse_ready_line  # noqa: E402
from backend.protocol.messages import MAX_HEADER_BYTES, TYPES, Message, encode  # noqa: E402
from backend.protocol.request import BODY_SIZES, GenerateRequest  # noqa: E402

WARM_UP = 0.2
"""The part of the messages after which the memory is looked at for the first time."""
MAX_GROWTH = 8 * 1024 * 1024
ANSWER_SECONDS = 60.0
_GENERATE_ONLY: dict[str, Any] = {"phases": [Phase.generate], "suppress_health_check": list(HealthCheck)}
AT_ONCE = 48
"""Messages under way at once; answers come in their order."""

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["job-00000001", "../../etc/passwd", "0/avatar.npz", "\x00", "a" * 5000, 2**63, -1, 10**300])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=10,
)
request_names = st.sampled_from([*GenerateRequest.__slots__, "colour"])
bodies = st.dictionaries(st.sampled_from([*BODY_SIZES, "pose", "semantic", "format"]), anything, max_size=3)
requests = st.dictionaries(request_names, anything | bodies, max_size=5).map(lambda given: {"prompt": "a man", **given})
field_names = st.sampled_from(["job", "jobs", "id", "limit", "before", "file", "offset", "version", "request"])
fields = st.dictionaries(field_names, anything | requests, max_size=5)
types = st.sampled_from(sorted(TYPES - {"shutdown"}))
headers = st.fixed_dictionaries({"protocol": st.just(1) | anything, "type": types | anything, "fields": anything})
near_misses = st.fixed_dictionaries({"protocol": st.just(1), "type": types, "fields": fields})
generates = st.builds(
    lambda job, request: {"protocol": 1, "type": "generate", "fields": {"job": job, "request": request}},
    st.sampled_from(["job-00000001", "job-00000002", "Job", 7]),
    requests,
)


def as_json(value: object) -> bytes:
    """JSON with what it forbids, too: NaN, infinities, lone surrogates."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A header that was right before bytes in it were changed or cut off."""
    right = encode(Message("generate", {"job": "job-00000001", "request": GenerateRequest(prompt="a man").to_dict()}))
    header = bytearray(right[0])
    for _ in range(draw(st.integers(0, 4))):
        header[draw(st.integers(0, len(header) - 1))] = draw(st.integers(0, 255))
    return bytes(header[: draw(st.integers(1, len(header)))])


header_bytes = (
    st.binary(max_size=200)
    | damaged()
    | headers.map(as_json)
    | near_misses.map(as_json)
    | generates.map(as_json)
    | generates.map(as_json)
    | st.integers(1, MAX_HEADER_BYTES).map(lambda depth: b"[" * depth)
    | st.integers(1, MAX_HEADER_BYTES // 2).map(lambda digits: b'{"protocol":1,"type":' + b"9" * digits + b"}")
)
places = st.integers(0, 2**32)
extra_frames = st.lists(st.binary(max_size=100), min_size=1, max_size=3)


def variants(header: bytes, place: int, frames: list[bytes]) -> list[list[bytes]]:
    """A header as it is, cut off, with one byte changed, and with frames behind it."""
    place %= len(header) + 1
    changed = bytearray(header + b" ")
    changed[place] ^= 1 + place % 255
    return [[header], [header[:place]], [bytes(changed)], [header, *frames]]


groups = st.builds(variants, header_bytes, places, extra_frames)
VARIANTS = 4


@dataclass
class Report:
    """What came back."""

    messages: int = 0
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    first_bytes: int = 0
    last_bytes: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        answers = ", ".join(f"{count} {answer}" for answer, count in self.answers.most_common())
        growth = (self.last_bytes - self.first_bytes) / 1024
        return "\n".join(
            [
                f"messages: {self.messages} in {self.seconds:.0f} s, answers: {sum(self.answers.values())}",
                answers,
                f"worker's resident memory: {self.first_bytes / 2**20:.1f} MiB after {WARM_UP:.0%} of them, "
                f"{self.last_bytes / 2**20:.1f} MiB after all ({growth:+.0f} KiB)",
                f"broken promises: {len(self.problems)}",
                *self.problems,
            ]
        )


def documented_codes() -> set[str]:
    """The error codes that docs/protocol.md lists."""
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    return set(re.findall(r"`([a-z_]+)`", text[text.index("## Codes") :]))


def fuzz(state: Path, count: int, first_seed: int = 0) -> Report:
    """Send `count` messages to a worker on `state`, one after the other."""
    report, codes = Report(), documented_codes()
    command = [sys.executable, str(WORKER), "--state", str(state), "--parent-pid", str(os.getpid())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready = parse_ready_line(process.stdout.readline())
    assert ready is not None
    worker = psutil.Process(process.pid)
    started = time.monotonic()

    under_way: list[bytes] = []

    @seed(first_seed)
    @settings(settings(max_examples=count // VARIANTS, deadline=None, database=None), **_GENERATE_ONLY)
    @given(groups)
    def send(group: list[list[bytes]]) -> None:
        for parts in group:
            client.socket.send_multipart(parts)
            under_way.append(parts[0])
        if len(under_way) >= AT_ONCE:
            read_answers()

    def read_answers() -> None:
        for header in under_way:
            answer = client.wait_for(lambda message: "id" in message.fields, timeout=ANSWER_SECONDS)
            code = str(answer.fields.get("code", "")) if answer.type == "failed" else answer.type
            report.messages += 1
            report.answers[code] += 1
            documented = code in codes or re.fullmatch("[a-z_]+_(range|too_long|invalid|unknown)", code)
            if answer.type == "failed" and (not documented or code == "internal"):
                report.problems.append(f"answered by {answer.fields}: {header[:200]!r}")
            if report.messages == int(count * WARM_UP):
                report.first_bytes = worker.memory_info().rss
        under_way.clear()
        client.events.clear()

    try:
        with RawClient(WorkerAddress.from_ready(ready, state)) as client:
            send()
            read_answers()
            report.last_bytes = worker.memory_info().rss
            if client.ask("status").type != "status":
                report.problems.append("the worker no longer tells its status")
            client.ask("shutdown", cancel_jobs=True)
        if process.wait(30) != 0:
            report.problems.append(f"the worker ended with {process.returncode}")
    except (AssertionError, subprocess.TimeoutExpired) as error:
        report.problems.append(f"no answer: {error}")
    finally:
        process.kill()
        process.communicate()
    report.seconds = time.monotonic() - started
    if report.last_bytes - report.first_bytes > MAX_GROWTH:
        report.problems.append(f"the worker's memory grew by more than {MAX_GROWTH >> 20} MiB")
    return report


def main() -> int:
    """Fuzz as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="doppel-fuzz-") as folder:
        report = fuzz(Path(folder) / "state", args.messages, args.seed)
    print(report)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
