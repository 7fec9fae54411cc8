"""The tables of `doppel eval geometry`, from made-up figures."""

import numpy as np

from backend.evaluation.geometry import OURS, _background_texels, chain_table, person_tables
from backend.evaluation.truth import KEY
from backend.models.slots import COLOURS

HYGIENE = {
    "closed": True,
    "components": 1,
    "non_manifold_edges": 0,
    "self_intersecting_faces": 2,
    "uv_overlap": 0.0,
    "background_texels": 0,
    "faces": 40000,
}
SHAPE = {"p2s": 0.5, "s2p": 0.7, "chamfer": 0.6, "normals": 0.9, "f@0.5": 0.6, "f@1": 0.8}


def record(person: int, yaw: int, p2s: float) -> dict:
    views = [{"kind": kind, "psnr": 30.0, "psnr_person": 22.0, "ssim": 0.9} for kind in ("facing", "oblique", "side")]
    row = {"shape": {**SHAPE, "p2s": p2s}, "aligned": SHAPE, "iou": 0.8, "views": views, "hygiene": HYGIENE}
    return {"person": person, "yaw": yaw, "rows": {OURS: {**row, "seconds": {"lift": 2.0, "texture": 3.0}}}}


def test_means_over_people_and_by_yaw() -> None:
    tables = person_tables([record(0, 0, 0.4), record(1, 0, 0.6), record(0, 90, 1.0), record(1, 90, 2.0)])
    lines = tables.splitlines()
    assert lines[0].startswith("2 people x yaws 0, 90")
    assert "| Doppel | 1.00 | 0.70 | 0.60 | 0.900 | 0.600 | 0.800 | 0.800 |" in lines
    assert any(line.startswith("| Doppel, turned by 90 | 1.50 |") for line in lines)
    assert "| Doppel | 30.0, 22.0, 0.900 | 30.0, 22.0, 0.900 | 30.0, 22.0, 0.900 |" in lines
    assert "| Doppel | 100% | 1.0 | 0.0 | 2.0 | 0.00% | 0.0 | 40000 | 2.00 | 3.00 |" in lines


def test_chain_has_no_truth_to_count_background_by() -> None:
    hygiene = {name: value for name, value in HYGIENE.items() if name != "background_texels"}
    table = chain_table([{"prompt": "-", "seconds": {"lift": 1.0, "texture": 1.0}, "hygiene": hygiene}])
    assert "| Doppel | 100% | 1.0 | 0.0 | 2.0 | 0.00% |  | 40000 | 1.00 | 1.00 |" in table


def test_only_the_key_colour_counts_as_background() -> None:
    clothes = [[200, 30, 60], [250, 250, 250], [90, 40, 30], *COLOURS.values(), [148, 62, 196]]
    assert _background_texels(np.tile(np.array(clothes, np.uint8), (4, 1, 1))) == 0
    key = (np.array(KEY) * 255).astype(np.uint8)
    assert _background_texels(np.tile(key, (2, 3, 1))) == 6
