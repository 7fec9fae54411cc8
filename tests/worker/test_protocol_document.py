"""docs/protocol.md is true: its transcript is replayed, its tables and limits are those of the code."""

import ast
import dataclasses
import json
import re
from pathlib import Path

import pytest

from backend.protocol.jobs import STATES
from backend.protocol.messages import ANSWER_FRAMES, EVENTS, MAX_HEADER_BYTES, REQUEST_FRAMES, REQUESTS, decode
from backend.protocol.request import GenerateRequest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
SOURCES = [
    *(path for room in ("worker", "protocol") for path in (ROOT / "backend" / room).glob("*.py")),
    *(ROOT / "blender_addon" / name for name in ("client.py", "core/process.py", "core/download.py")),
]


def table(head):
    """The cells of each row of the table whose first column bears that title."""
    rows = TEXT[TEXT.index(f"| {head} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def names(cell):
    return re.findall(r"`([a-z_]+)`", cell)


def matches(wanted, found):
    """Whether a value is the one that was told; "*" is any."""
    if wanted == "*":
        return True
    if isinstance(wanted, dict) and isinstance(found, dict):
        return wanted.keys() == found.keys() and all(matches(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(matches, wanted, found))
    return type(wanted) is type(found) and wanted == found


def test_the_transcript(server):
    lines = re.search(r"## Transcript.*?```\n(.*?)```", TEXT, re.DOTALL)[1].splitlines()
    assert len(lines) > 25
    with server.client(greet=False) as client:
        for line in lines:
            direction, body = line[0], line[2:].removesuffix(" + frame")
            if direction == ">":
                client.socket.send_multipart([json.dumps(json.loads(body)).encode()])
                continue
            wanted, framed, seen = json.loads(body), line.endswith(" + frame"), []
            while True:
                assert client.socket.poll(10_000), (line, seen)
                parts = client.socket.recv_multipart()
                found = json.loads(parts[0])
                decode(parts)
                seen.append(found)
                if matches(wanted, found):
                    break
            assert (len(parts) == 2) is framed, line


def test_types_are_told_and_no_others():
    assert {name for row in table("request") for name in names(row[0])} == set(REQUESTS)
    assert {name for row in table("event") for name in names(row[0])} == {*EVENTS, "delete"}
    assert {name for row in table("type") for name in names(row[0])} == {*REQUEST_FRAMES, *ANSWER_FRAMES}


def test_limits_are_told():
    frames = {**REQUEST_FRAMES, **ANSWER_FRAMES}
    for row in table("type"):
        assert {frames[name] for name in names(row[0])} == {int(row[2].split()[0]) * 2**20}
    assert f"at most {MAX_HEADER_BYTES // 1024} KiB" in TEXT


def test_fields_of_a_request_are_told():
    assert [names(row[0])[0] for row in table("field")] == [field.name for field in dataclasses.fields(GenerateRequest)]


def test_states_are_told():
    states = TEXT[TEXT.index("## States") : TEXT.index("## Transcript")]
    assert all(state in states for state in STATES)


def codes_of(path):
    """The first argument of each DoppelError that a file makes, where it is written out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(node, "func", None)
        if isinstance(node, ast.Call) and isinstance(name, ast.Name) and name.id == "DoppelError" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield first.value
            elif isinstance(first, ast.JoinedStr):
                yield "<field>" + first.values[-1].value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_codes_are_told(path):
    told = set(re.findall(r"`((?:<field>)?[a-z_]+)`", TEXT[TEXT.index("## Codes") :]))
    patterns = [code.removeprefix("<field>") for code in told if code.startswith("<field>")]
    missing = {code for code in codes_of(path) if code not in told and not code.endswith(tuple(patterns))}
    assert missing == set()


def test_no_code_is_told_that_nothing_raises():
    paths = [path for room in ("backend", "blender_addon") for path in (ROOT / room).rglob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    codes = [name for row in table("code") for name in names(row[0])]
    assert [code for code in codes if f'"{code}"' not in text] == []
