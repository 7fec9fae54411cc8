"""Results on the disk, listed without a worker."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from doppel_extension.backend.protocol.errors import DoppelError
from doppel_extension.blender_addon.core.history import differences, list_results, read_provenance


def save(state: Path, job: str, variants: int, at: float, **request: Any) -> None:
    for variant in range(variants):
        folder = state / "jobs" / job / str(variant)
        folder.mkdir(parents=True)
        (folder / "avatar.json").write_text(json.dumps({"request": {"prompt": "a man", "seed": 3, **request}}))
    os.utime(state / "jobs" / job, (at, at))


def test_newest_first_variants_in_order(tmp_path: Path) -> None:
    save(tmp_path, "older-job", 1, 1_000.0)
    save(tmp_path, "newer-job", 2, 2_000.0, seed=9)
    listed = [(result.job, result.hypothesis, result.seed, result.prompt) for result in list_results(tmp_path)]
    assert listed == [("newer-job", 0, 9, "a man"), ("newer-job", 1, 9, "a man"), ("older-job", 0, 3, "a man")]
    assert len(list_results(tmp_path, limit=1)) == 2


def test_what_is_no_result_is_left_out(tmp_path: Path) -> None:
    assert list_results(tmp_path / "nowhere") == []
    save(tmp_path, "good-job", 1, 1.0)
    (tmp_path / "jobs" / "no job").mkdir()
    (tmp_path / "jobs" / "broken-job" / "0").mkdir(parents=True)
    (tmp_path / "jobs" / "broken-job" / "0" / "avatar.json").write_text("{")
    assert [result.job for result in list_results(tmp_path)] == ["good-job"]
    with pytest.raises(DoppelError, match="cannot be read"):
        read_provenance(tmp_path / "jobs" / "broken-job" / "0")
    with pytest.raises(DoppelError, match="there is no"):
        read_provenance(tmp_path / "nowhere")


def test_differences_name_what_sets_results_apart() -> None:
    one = {"prompt": "a man", "seed": 1, "steps": 8, "body": {"betas": [0.0], "body_pose": [1.0]}}
    two = {"prompt": "a man", "seed": 2, "steps": 8, "body": {"betas": [0.5], "body_pose": [1.0]}}
    assert differences([one, two]) == [("Seed", ["1", "2"]), ("Shape", ["no. 1", "no. 2"])]
    assert differences([one, one]) == []
