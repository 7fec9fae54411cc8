"""The whole chain with the bundled weights: one real run, looked at from many sides."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.pipelines.avatar import Avatar, AvatarPipeline
from backend.pipelines.body import PosedSubject
from backend.pipelines.edit import Edit
from backend.protocol.errors import DoppelError
from backend.protocol.request import GenerateRequest
from rigging.body_parameters import BodyParameters
from rigging.character import RiggedCharacter
from rigging.gltf import read_glb
from rigging.lbs import rigid_chain, rodrigues, skin

REQUEST = GenerateRequest(
    prompt="a man in a blue T-shirt and black jeans", seed=3, hypotheses=2, steps=4, triangles=12_000, texture_size=512
)


@pytest.fixture(scope="module")
def pipeline() -> AvatarPipeline:
    return AvatarPipeline.from_pretrained(device="cpu")


@pytest.fixture(scope="module")
def run(pipeline: AvatarPipeline) -> tuple[list[Avatar], list[tuple[str, int, int, bool]]]:
    reports: list[tuple[str, int, int, bool]] = []
    avatars = pipeline(REQUEST, lambda *report: reports.append((*report[:3], report[3] is not None)))
    return avatars, reports


def test_one_avatar_a_hypothesis_of_one_front(run) -> None:  # type: ignore[no-untyped-def]
    avatars, _ = run
    assert len(avatars) == 2
    fronts, backs = ([np.asarray(getattr(a, side)) for a in avatars] for side in ("front", "back"))
    assert np.array_equal(*fronts)
    assert np.abs(backs[0].astype(int) - backs[1]).mean() > 0.05, "the backs are two samples"
    assert np.array_equal(backs[0][..., 3], fronts[0][..., 3]), "both sides share the silhouette"


def test_progress_names_every_stage_and_shows_the_front_while_it_forms(run) -> None:  # type: ignore[no-untyped-def]
    _, reports = run
    stages = list(dict.fromkeys(stage for stage, *_ in reports))
    assert stages == ["body", "front", "back", "close_up", "lift", "texture", "rig"]
    assert [r[1] for r in reports if r[0] == "front" and r[3]] == [1, 2, 3, 4]
    assert all(0 <= step <= steps for _, step, steps, _ in reports)


def test_mesh_is_closed_and_wraps_the_body(run, pipeline: AvatarPipeline) -> None:  # type: ignore[no-untyped-def]
    avatar = run[0][0]
    mesh = avatar.provenance["mesh"]
    assert mesh["closed"] and mesh["components"] == 1 and mesh["non_manifold_edges"] == 0
    character = avatar.character
    assert len(character.faces) <= REQUEST.triangles * 1.01
    body = pipeline.body_model.pose(character.params)
    height = float(np.ptp(body.rest_vertices[:, 1]))
    assert abs(float(np.ptp(character.vertices[:, 1])) - height) < 0.12 * height


def test_skin_bends_the_surface_with_the_body(run, pipeline: AvatarPipeline) -> None:  # type: ignore[no-untyped-def]
    character: RiggedCharacter = run[0][0].character
    assert np.allclose(character.weights.sum(1), 1, atol=1e-5) and character.weights.min() >= 0
    params = character.params.with_joint("left_elbow", (0.0, -1.2, 0.0))
    before, after = (
        skin(
            character.vertices,
            character.weights,
            rigid_chain(rodrigues(p.full_pose), character.joints, character.parents)[1],
        )
        for p in (character.params, params)
    )
    moved = np.linalg.norm(after - before, axis=1)
    wrist = character.joints[character.joint_names.index("left_wrist")]
    right = character.joints[character.joint_names.index("right_wrist")]
    near = np.linalg.norm(character.vertices - wrist, axis=1) < 0.08
    far = np.linalg.norm(character.vertices - right, axis=1) < 0.12
    assert near.sum() > 10 and moved[near].mean() > 0.15
    assert moved[far].max() < 1e-3


def test_files(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    avatar = run[0][0]
    avatar.save(tmp_path)
    names = {"avatar.glb", "avatar.npz", "avatar.json", "front.png", "back.png", "texture.png", "turntable.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    document = json.loads((tmp_path / "avatar.json").read_text())
    assert document["request"]["prompt"] == REQUEST.prompt and document["request"]["seed"] == 3
    assert any(name.startswith("unet/") and len(digest) == 64 for name, digest in document["models"].items())
    assert BodyParameters.from_dict(document["request"]["body"])
    again = read_glb(tmp_path / "avatar.glb")
    assert len(again.faces) == len(avatar.character.faces)
    assert np.abs(np.ptp(again.vertices, axis=0) - np.ptp(avatar.character.vertices, axis=0)).max() < 1e-4
    texture = np.asarray(Image.open(io.BytesIO(avatar.character.texture_png)).convert("RGB"))
    assert texture.shape == (512, 512, 3)
    assert (texture.sum(2) == 0).mean() < 0.02, "no black holes"


def test_same_seed_same_picture_other_seed_another(pipeline: AvatarPipeline) -> None:
    subject = PosedSubject.of(pipeline.body_model, BodyParameters.a_pose(), pipeline.device)
    tokens, negative = pipeline.prompt(["a woman in a red dress", ""]).split(1)

    def front(seed: int) -> torch.Tensor:
        return pipeline.front(subject, tokens, negative, torch.Generator().manual_seed(seed), steps=2).rgba

    assert torch.equal(front(1), front(1))
    assert not torch.equal(front(1), front(2))


def test_body_follows_the_prompt_unless_it_is_given(pipeline: AvatarPipeline) -> None:
    def shape(prompt: str) -> dict[str, float]:
        return pipeline.prompt.sliders(prompt)

    assert shape("an old heavy man in a suit")["gender"] < 0.3 < 0.7 < shape("a slim young lady in a dress")["gender"]
    assert shape("an elderly woman")["age"] > 55 and shape("a fat man")["weight"] > 0.7
    given = BodyParameters.a_pose(betas=np.full(10, 0.5))
    request = GenerateRequest(prompt="an old man", body=given.to_dict())
    assert np.allclose(pipeline.parameters_of(request).betas, 0.5)
    posed = pipeline.parameters_of(GenerateRequest(prompt="an old man", body={"pose": {"neck": [0.2, 0, 0]}}))
    assert posed.betas.any() and posed.body_pose[11, 0] == 0.2  # a pose alone leaves the shape to the prompt
    assert np.array_equal(posed.betas, pipeline.parameters_of(GenerateRequest(prompt="an old man")).betas)


def test_cancel_is_obeyed_between_steps(pipeline: AvatarPipeline) -> None:
    steps: list[str] = []
    with pytest.raises(DoppelError) as caught:
        pipeline(REQUEST, lambda stage, step, *_: steps.append(stage), cancelled=lambda: steps.count("front") >= 2)
    assert caught.value.code == "cancelled"
    assert "back" not in steps


def test_an_edit_changes_what_it_may_and_keeps_the_rest(run, pipeline: AvatarPipeline) -> None:  # type: ignore[no-untyped-def]
    first = run[0][0]
    front, back = (torch.from_numpy(np.array(view)).permute(2, 0, 1) / 255 for view in (first.front, first.back))
    request = GenerateRequest(
        prompt="a man in a red T-shirt and black jeans",
        seed=3,
        steps=4,
        triangles=8000,
        texture_size=256,
        body=first.provenance["request"]["body"],
    )
    (edited,) = pipeline(request, edit=Edit(front, back, frozenset({"upper"})))
    before, after = (np.asarray(avatar.front).astype(int) for avatar in (first, edited))
    solid = (before[..., 3] > 250) & (after[..., 3] > 250)
    difference = np.abs(before - after)[..., :3].mean(-1)
    rows = np.flatnonzero(solid.any(1))
    chest = rows[0] + int(0.3 * len(rows))
    shins = rows[0] + int(0.75 * len(rows))
    assert difference[chest - 20 : chest + 20][solid[chest - 20 : chest + 20]].mean() > 25
    assert difference[shins:][solid[shins:]].mean() < 8
    head = rows[0] + int(0.08 * len(rows))
    assert difference[rows[0] : head][solid[rows[0] : head]].mean() < 4
