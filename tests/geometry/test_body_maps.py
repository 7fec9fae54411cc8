import numpy as np
import torch

from backend.geometry.body_features import BodyField
from backend.geometry.body_maps import CHANNELS, body_maps
from backend.geometry.view_frame import ViewFrame
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters


def posed() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    model = BodyModel.load()
    vertices = model.pose(BodyParameters.a_pose()).vertices
    view = torch.from_numpy(ViewFrame.of_body(vertices).to_view(vertices)).float()
    return view, torch.from_numpy(model.faces.astype(np.int64)), torch.from_numpy(model.v_template).float()


def test_maps_of_a_body() -> None:
    maps = body_maps(*posed(), 128)
    assert maps.shape == (2, CHANNELS, 128, 128)
    front, back = maps
    assert torch.equal(front[7], back[7]), "both sides share their rays"
    assert 0.05 < float(front[7].mean()) < 0.4
    inside = front[7] > 0
    assert (front[3][inside] >= back[3][inside] - 1e-4).all(), "the front lies in front"
    assert float(front[2][inside].mean()) > 0.5 > -0.5 > float(back[2][inside].mean()), "normals face their camera"
    assert (maps[:, :7] * (1 - maps[:, 7:])).abs().max() == 0, "nothing off the body"
    rows = inside.any(1).nonzero()
    assert float(front[5, int(rows[1])].max()) > 0.5, "the head's template coordinate is high"


def test_body_field_tells_inside_from_outside() -> None:
    vertices, faces, template = posed()
    field = BodyField(vertices, faces, template)
    normals = field.normals
    chosen = torch.randperm(len(vertices), generator=torch.Generator().manual_seed(0))[:400]
    outside = field(vertices[chosen] + 0.01 * normals[chosen])
    inside = field(vertices[chosen] - 0.004 * normals[chosen])
    assert (outside[:, 0] > 0).float().mean() > 0.93
    assert (inside[:, 0] < 0).float().mean() > 0.95
    assert torch.allclose(outside[:, 1:4].norm(dim=1), torch.ones(400), atol=1e-4)
