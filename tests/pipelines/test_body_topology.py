"""The body's own topology: what stays, its atlas, and a rig that is the body's."""

import io

import numpy as np
import pytest
from PIL import Image

from backend.geometry.hygiene import mesh_report
from backend.pipelines.rig import RigPipeline
from backend.pipelines.wrap import body_atlas, kept_as_is, paint_mouth
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import RiggedCharacter
from rigging.joints import JOINT_INDEX
from rigging.normals import vertex_normals

PNG = io.BytesIO()
Image.new("RGB", (4, 4), (90, 80, 70)).save(PNG, "PNG")
MODEL = BodyModel.load()


@pytest.fixture(scope="module")
def wrapped() -> tuple[RiggedCharacter, np.ndarray]:
    """The body in clothes 2 cm thick, and where its vertices should be."""
    params = BodyParameters.a_pose()
    vertices = MODEL.pose(params).vertices
    thick = vertices + 0.02 * (1 - kept_as_is(MODEL, vertices))[:, None] * vertex_normals(vertices, MODEL.faces)
    atlas = body_atlas(MODEL)
    posed = thick[atlas.source_vertex]
    png = PNG.getvalue()
    character = RigPipeline().wrapped(
        posed, atlas.faces, atlas.uvs, atlas.source_vertex, MODEL, params, png, {}, png, png
    )
    return character, posed


def test_hands_and_face_stay_and_legs_do_not() -> None:
    vertices = MODEL.pose(BodyParameters.a_pose()).vertices
    kept = kept_as_is(MODEL, vertices)
    weights = MODEL.weights
    assert kept[weights[:, JOINT_INDEX["left_index3"]] > 0.9].min() == 1
    assert kept[weights[:, JOINT_INDEX["right_eye_smplhf"]] > 0.9].min() == 1
    nose = np.argmax(vertices[:, 2] + 10 * (vertices[:, 1] > vertices[:, 1].max() - 0.2))
    assert kept[nose] == 1
    assert kept[weights[:, JOINT_INDEX["left_knee"]] > 0.9].max() == 0


def test_atlas_is_the_bodys_and_disjoint() -> None:
    atlas = body_atlas(MODEL)
    assert np.array_equal(atlas.source_vertex[atlas.faces], MODEL.faces)
    assert np.array_equal(atlas.uvs[atlas.faces], MODEL.uvs[MODEL.uv_faces])
    report = mesh_report(MODEL.v_template[atlas.source_vertex], atlas.faces, atlas.uvs, texture_size=512)
    assert report.uv_overlap == 0


def test_rig_poses_back_and_the_face_moves(wrapped) -> None:  # type: ignore[no-untyped-def]
    character, posed = wrapped
    assert np.abs(character.posed() - posed).max() < 1e-5
    assert set(character.morphs) == set(MODEL.face_units) and len(character.morphs) == 52
    assert np.linalg.norm(character.morphs["jawOpen"], axis=1).max() > 0.01
    eyes = character.weights[:, JOINT_INDEX["left_eye_smplhf"]] > 0.9
    assert eyes.sum() > 30, "eyes turn in their sockets"
    assert character.roughness_png == PNG.getvalue()


def test_mouth_is_painted_and_only_the_mouth() -> None:
    plain = np.full((256, 256, 3), 200, np.uint8)
    painted = paint_mouth(MODEL, body_atlas(MODEL), plain)
    changed = (painted != plain).any(axis=2)
    assert 0.001 < changed.mean() < 0.1 and (plain == 200).all()
    assert (painted[changed][:, 0] > painted[changed][:, 1]).all()
