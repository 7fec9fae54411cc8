"""The torch body against the numpy one."""

import numpy as np
import torch

from backend.photo.body import TorchBody, rodrigues
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.lbs import rodrigues as numpy_rodrigues


def test_parity_with_the_body_model() -> None:
    model = BodyModel.load()
    rng = np.random.default_rng(5)
    rows = rng.choice(len(model.v_template), 200, replace=False)
    body = TorchBody(model, torch.from_numpy(rows), torch.float64)
    bodies = [BodyParameters.from_full_pose(rng.normal(0, 0.5, (55, 3)), betas=rng.normal(0, 1, 10)) for _ in range(3)]
    betas = torch.from_numpy(np.stack([p.betas for p in bodies]))
    pose = torch.from_numpy(np.stack([p.full_pose for p in bodies]))
    joints, turned, rest = body.joints(betas, rodrigues(pose))
    vertices = body.vertices(betas, joints, turned, rest)
    for i, parameters in enumerate(bodies):
        posed = model.pose(parameters)
        assert np.abs(joints[i].numpy() - posed.joints).max() < 1e-6
        assert np.abs(rest[i].numpy() - posed.rest_joints).max() < 1e-6
        assert np.abs(vertices[i].numpy() - posed.vertices[rows]).max() < 1e-6


def test_rotations_and_their_gradients_at_and_near_zero() -> None:
    vectors = torch.tensor([[0.0, 0, 0], [1e-5, 0, 0], [0, 2e-3, 1e-3], [0.3, -2.0, 1.1]], dtype=torch.float64)
    vectors.requires_grad_()
    matrices = rodrigues(vectors)
    assert np.abs(matrices.detach().numpy() - numpy_rodrigues(vectors.detach().numpy())).max() < 1e-9
    matrices[:, 0, 1].sum().backward()
    assert torch.isfinite(vectors.grad).all()
    assert torch.allclose(vectors.grad[0], torch.tensor([0.0, 0, -1], dtype=torch.float64))
