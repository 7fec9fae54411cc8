"""Bodies whose colour tells the place on them: where each place is found again in another pose."""

import numpy as np
import pytest
import torch
from torch import Tensor

from backend.geometry.body_maps import template_coordinates
from backend.geometry.rasterize import rasterize
from backend.geometry.view_frame import ViewFrame
from backend.photo.canonical import ViewPhoto
from backend.photo.repose import Head, SeenBody, reposed
from backend.protocol.errors import DoppelError
from backend.protocol.request import GenerateRequest
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.parts import PART_INDEX

SIZE = 256
CLOSE = 0.02  # of the template's box: some 2 cm


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return BodyModel.load()


def view(model: BodyModel, body: BodyParameters) -> Tensor:
    vertices = model.pose(body).vertices
    return torch.from_numpy(ViewFrame.of_body(vertices).to_view(vertices)).float()


def faces(model: BodyModel) -> Tensor:
    return torch.from_numpy(model.faces.astype(np.int64))


def painted(model: BodyModel, vertices: Tensor, side: int = 0) -> ViewPhoto:
    """A view of the body, each place in the colour of its template coordinates; everything is known."""
    layer = rasterize(vertices, faces(model), SIZE)[side]
    places = layer.interpolate(faces(model), template_coordinates(torch.from_numpy(model.v_template).float()))
    rgba = torch.cat([places.movedim(-1, 0) / 2 + 0.5, layer.mask[None].float()])
    return ViewPhoto(rgba, torch.ones(SIZE, SIZE, dtype=torch.bool))


def head(model: BodyModel, vertices: Tensor) -> Head:
    chosen = torch.from_numpy(model.part_ids == PART_INDEX["head"])
    rows = torch.arange(SIZE)[:, None].expand(SIZE, SIZE)
    low = (1 - float(vertices[chosen, 1].min())) * SIZE / 2
    return Head(chosen, rows < low)


def found(
    model: BodyModel, photo: BodyParameters, side: int = 0, mirrored: bool = False
) -> list[tuple[Tensor, Tensor]]:
    """Front and back in the A-pose: where a place is known, and how far off the place is that was found there."""
    seen, target = view(model, photo), view(model, BodyParameters.a_pose())
    opposite = torch.from_numpy(model.mirror.astype(np.int64)) if mirrored and model.mirror is not None else None
    picture = SeenBody(seen, painted(model, seen, side), behind=bool(side))
    views = reposed([picture], target, faces(model), opposite, head(model, target))
    answers = []
    for number, made in enumerate(views):
        off = (made.rgba[:3] - painted(model, target, number).rgba[:3]) * 2
        off[0] = torch.where(off[0].abs() < CLOSE, off[0], 0 if mirrored else off[0])
        below = ~head(model, target).region
        answers.append((made.known & below, off.norm(dim=0)))
    return answers


def test_every_place_lands_where_it_is_in_the_new_pose(model: BodyModel) -> None:
    raised = BodyParameters.a_pose().with_joint("left_shoulder", (0.0, 0.0, 0.6)).with_joint("pelvis", (0.0, 0.4, 0.0))
    (front, off), (back, _) = found(model, raised)
    whole = rasterize(view(model, BodyParameters.a_pose()), faces(model), SIZE)[0].mask
    assert 0.5 < float(front.sum() / whole.sum()) < 0.95
    assert float((off[front] < CLOSE).float().mean()) > 0.97
    assert float(back.sum() / whole.sum()) < 0.1


def test_a_photo_from_behind_gives_the_back(model: BodyModel) -> None:
    (front, _), (back, off) = found(model, BodyParameters.a_pose(), side=1)
    assert back.sum() > 10 * front.sum() and float((off[back] < CLOSE).float().mean()) > 0.97


def test_who_looks_away_is_seen_from_behind(model: BodyModel) -> None:
    (front, _), (back, off) = found(model, BodyParameters.a_pose().with_joint("pelvis", (0.0, np.pi, 0.0)))
    assert back.sum() > 10 * front.sum() and float((off[back] < CLOSE).float().mean()) > 0.97


def test_what_an_arm_hides_is_left_open_or_taken_from_the_other_side(model: BodyModel) -> None:
    crossed = (
        BodyParameters.a_pose()
        .with_joint("left_shoulder", (0.0, -1.0, -0.9))
        .with_joint("left_elbow", (0.0, -1.2, 0.0))
    )
    (alone, _), _ = found(model, crossed)
    (helped, off), _ = found(model, crossed, mirrored=True)
    assert helped.sum() > 1.05 * alone.sum() and bool((helped | ~alone).all())
    sideways = off[helped]
    assert float((sideways < 0.5).float().mean()) > 0.9


def test_a_head_seen_as_before_is_taken_with_all_around_it_and_a_turned_one_is_not(model: BodyModel) -> None:
    target = view(model, BodyParameters.a_pose())
    region = head(model, target)
    for yaw, whole in ((0.15, True), (1.2, False)):
        seen = view(model, BodyParameters.a_pose().with_joint("pelvis", (0.0, yaw, 0.0)))
        front, back = reposed([SeenBody(seen, painted(model, seen))], target, faces(model), None, region)
        share = float(front.known[region.region].float().mean())
        assert share > 0.9 if whole else share == 0
        assert not back.known[region.region].any()
        if whole:
            mask = rasterize(target, faces(model), SIZE)[0].mask & region.region
            drawn = (front.rgba[3] > 0.5) & region.region
            assert float((mask & drawn).sum() / (mask | drawn).sum()) > 0.85


def test_there_must_be_a_photo_to_paint_anew() -> None:
    assert GenerateRequest(prompt="", photo="0" * 64, photo_body="repaint").validate()
    with pytest.raises(DoppelError, match="no photo to paint anew"):
        GenerateRequest(prompt="a man", photo_body="repaint").validate()
