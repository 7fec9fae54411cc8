"""Rigging of a textured mesh: it follows the body that it was made around, on any SMPL-X body."""

from __future__ import annotations

import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import fast_simplification
import numpy as np
import pytest
from PIL import Image

from backend.geometry.hygiene import mesh_report
from backend.pipelines.rig import RigPipeline, skin_of
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import RiggedCharacter
from rigging.closest_point import closest_points
from rigging.gltf import read_glb, write_glb
from rigging.joints import JOINT_INDEX
from rigging.normals import vertex_normals

sys.path.insert(0, str(Path(__file__).parents[1] / "rigging"))
from clothed_person import arms_down, fused_torso, skinned_body  # noqa: E402

EYES = [JOINT_INDEX["left_eye_smplhf"], JOINT_INDEX["right_eye_smplhf"]]
OFFSET = 0.008


def texture() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (8, 8), (180, 40, 40)).save(stream, "PNG")
    return stream.getvalue()


def clothed(params: BodyParameters, triangles: int = 8000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A decimated surface 8 mm around the posed body, split into a front and a back chart: vertices, faces, uvs."""
    model = BodyModel.load()
    faces, _ = skin_of(model)
    posed = model.pose(params).vertices
    blown = posed + OFFSET * vertex_normals(posed, faces)
    used, dense = np.unique(faces, return_inverse=True)
    vertices, faces = fast_simplification.simplify(
        blown[used].astype(np.float32), dense.reshape(-1, 3).astype(np.int32), target_count=triangles
    )
    corners = vertices[faces]
    back = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] < 0
    count = len(vertices)
    keys, split = np.unique(faces + count * back[:, None], return_inverse=True)
    vertices = vertices[keys % count].astype(np.float64)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    uvs = ((vertices - low) / (high - low))[:, :2] * [0.5, 1.0] + np.where(keys[:, None] >= count, [0.5, 0.0], 0.0)
    return vertices, split.reshape(-1, 3), uvs


@pytest.fixture(scope="module")
def params() -> BodyParameters:
    betas = np.array([0.8, -0.5, 0.3, 0, 0, 0, 0, 0, 0, 0])
    return BodyParameters.a_pose(betas).with_joint("head", [0.1, 0.3, 0.0]).with_joint("right_elbow", [0.0, 0.8, 0.0])


@pytest.fixture(scope="module")
def mesh(params: BodyParameters) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return clothed(params)


@pytest.fixture(scope="module")
def rigged(params: BodyParameters, mesh: tuple[np.ndarray, np.ndarray, np.ndarray]) -> RiggedCharacter:
    return RigPipeline()(*mesh, BodyModel.load(), params, texture(), {"prompt": "a runner", "seed": 1})


def test_it_is_as_generated_and_at_rest_as_the_body(
    rigged: RiggedCharacter, params: BodyParameters, mesh: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    np.testing.assert_allclose(rigged.posed(), mesh[0], atol=1e-5)
    body = BodyModel.load().pose(params)
    np.testing.assert_allclose(rigged.joints, body.rest_joints, atol=1e-6)
    faces, _ = skin_of(BodyModel.load())
    assert np.median(closest_points(rigged.vertices, body.rest_vertices, faces).distances) == pytest.approx(
        OFFSET, abs=0.002
    )
    assert rigged.provenance["prompt"] == "a runner"
    assert rigged.provenance["rig"] | {"worst_stretch": 0} == dict.fromkeys(
        ("faces_cut", "holes_closed", "bridges", "bridges_left", "worst_stretch"), 0
    )
    assert rigged.params.to_dict() == params.to_dict() and rigged.params is not params


def test_it_follows_the_body_into_another_pose(rigged: RiggedCharacter, params: BodyParameters) -> None:
    model = BodyModel.load()
    faces, _ = skin_of(model)
    other = params
    for joint, rotation in {
        "left_shoulder": [0.0, 0.0, 0.4],
        "left_elbow": [0.0, -1.2, 0.0],
        "right_hip": [-0.9, 0.0, -0.2],
        "right_knee": [1.0, 0.0, 0.0],
        "spine2": [0.2, 0.3, 0.0],
    }.items():
        other = other.with_joint(joint, rotation)
    other = replace(other, transl=np.array([0.5, 0.0, -1.0]))
    gap = closest_points(rigged.posed(other), model.pose(other).vertices, faces).distances
    assert np.percentile(gap, 50) == pytest.approx(OFFSET, abs=0.002)
    assert np.percentile(gap, 99) < 0.02


def test_seams_stay_closed_in_any_pose(rigged: RiggedCharacter) -> None:
    rng = np.random.default_rng(0)
    _, groups, counts = np.unique(rigged.vertices, axis=0, return_inverse=True, return_counts=True)
    assert (counts > 1).sum() > 100
    pose = BodyParameters().with_full_pose(rng.normal(size=(55, 3)) * 0.4)
    for values in (rigged.posed(pose), rigged.normals, *rigged.morphs.values()):
        first = np.zeros((len(counts), 3))
        first[groups.ravel()] = values
        np.testing.assert_array_equal(first[groups.ravel()], values)


def test_face_units_come_along_and_eyes_move_with_the_head(rigged: RiggedCharacter) -> None:
    assert {"jawOpen", "eyeBlinkLeft", "mouthSmileRight"} <= set(rigged.morphs)
    assert not rigged.weights[:, EYES].any()
    jaw = rigged.posed(BodyParameters(), {"jawOpen": 1.0}) - rigged.posed(BodyParameters())
    assert 0.01 < np.linalg.norm(jaw, axis=1).max() < 0.06


def test_a_plain_smplx_body_serves_as_well(
    params: BodyParameters, mesh: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    """A licensed file has neither part names nor face units."""
    plain = replace(BodyModel.load(), part_ids=None, quads=None, uv_quads=None, mirror=None, face_units={})
    made = RigPipeline()(*mesh, plain, params, texture(), {})
    assert made.morphs == {}
    np.testing.assert_allclose(made.posed(), mesh[0], atol=1e-4)


def test_the_same_input_gives_the_same_bytes(
    rigged: RiggedCharacter, params: BodyParameters, mesh: tuple[np.ndarray, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    again = RigPipeline()(*mesh, BodyModel.load(), params, texture(), {"prompt": "a runner", "seed": 1})
    for name, made in (("a", rigged), ("b", again)):
        made.save_npz(tmp_path / f"{name}.npz")
        write_glb(tmp_path / f"{name}.glb", made)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()
    moved = np.linalg.norm(read_glb(tmp_path / "a.glb").posed() - mesh[0], axis=1)  # four influences instead of eight
    assert np.percentile(moved, 99.5) < 0.005 and moved.max() < 0.02


def test_an_empty_mesh_is_an_error(params: BodyParameters) -> None:
    with pytest.raises(ValueError, match="needs vertices"):
        RigPipeline()(
            np.zeros((0, 3)), np.zeros((0, 3), int), np.zeros((0, 2)), BodyModel.load(), params, texture(), {}
        )


def test_arms_that_touch_the_trunk_are_cut_loose() -> None:
    body = skinned_body(arms_down())
    vertices, faces = fused_torso(body)
    uvs = (vertices[:, :2] - vertices.min(axis=0)[:2]) / np.ptp(vertices, axis=0)[:2]
    made = RigPipeline()(vertices, faces, uvs, BodyModel.load(), arms_down(), texture(), {})
    report = made.provenance["rig"]
    assert report["faces_cut"] > 20 and report["holes_closed"] >= 2
    assert report["bridges_left"] <= 0.1 * report["faces_cut"]
    health = mesh_report(made.vertices, made.faces, made.uvs)
    assert health.closed and health.manifold
    assert (made.uvs[:, None] == np.unique(uvs, axis=0).astype(np.float32)[None]).all(axis=2).any(axis=1).all()
    posed, places = made.posed(), {tuple(place) for place in vertices.astype(np.float32).round(3)}
    assert np.mean([tuple(place) in places for place in posed.astype(np.float32).round(3)]) > 0.9
