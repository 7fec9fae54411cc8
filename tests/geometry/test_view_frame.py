import numpy as np
import torch

from backend.geometry.view_frame import FILL, ViewFrame


def test_longest_side_fills_the_cube_and_the_way_back_is_exact() -> None:
    vertices = np.random.default_rng(0).uniform([-0.4, 0, -0.2], [0.5, 1.8, 0.2], (500, 3))
    frame = ViewFrame.of_body(vertices)
    view = frame.to_view(vertices)
    assert np.isclose(np.ptp(view, axis=0).max(), 2 * FILL)
    assert np.allclose(view.max(0) + view.min(0), 0, atol=1e-9)
    assert np.allclose(frame.to_world(view), vertices)
    assert torch.allclose(frame.to_view(torch.from_numpy(vertices)), torch.from_numpy(view))
    assert ViewFrame.from_dict(frame.to_dict()) == frame
