import json
from pathlib import Path

import pytest

from backend.pipelines.weights import check_weights, read_index, verify_weights, write_index
from backend.protocol.errors import DoppelError


def make(folder: Path) -> Path:
    (folder / "part").mkdir(parents=True)
    (folder / "part" / "config.json").write_text('{"_class_name": "Part"}')
    (folder / "part" / "weights.bin").write_bytes(b"0123456789")
    write_index(folder)
    return folder


def test_whole_folder_passes(tmp_path: Path) -> None:
    folder = make(tmp_path / "models")
    assert verify_weights(folder) == []
    assert read_index(folder)["components"] == {"part": "Part"}
    check_weights(folder)


def test_one_wrong_byte_is_found_and_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "models")
    (folder / "part" / "weights.bin").write_bytes(b"0123456780")
    with pytest.raises(DoppelError) as caught:
        check_weights(folder)
    assert caught.value.code == "weights_corrupt" and "part/weights.bin" in str(caught.value)


def test_missing_file_and_missing_folder(tmp_path: Path) -> None:
    folder = make(tmp_path / "models")
    (folder / "part" / "weights.bin").unlink()
    with pytest.raises(DoppelError) as caught:
        check_weights(folder)
    assert caught.value.code == "weights_missing"
    with pytest.raises(DoppelError) as caught:
        check_weights(tmp_path / "nothing")
    assert caught.value.code == "weights_missing" and caught.value.hint


def test_unreadable_index(tmp_path: Path) -> None:
    folder = make(tmp_path / "models")
    (folder / "model_index.json").write_text(json.dumps({"files": 3}))
    with pytest.raises(DoppelError) as caught:
        check_weights(folder)
    assert caught.value.code == "weights_corrupt"
