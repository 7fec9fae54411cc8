"""Which parts of a lifted surface hang free."""

import numpy as np
import torch

from backend.pipelines.body import PosedSubject
from backend.pipelines.lift import hanging
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX


def test_a_skirt_hangs_free_and_trousers_and_bellies_do_not() -> None:
    subject = PosedSubject.of(BodyModel.load(), BodyParameters(), torch.device("cpu"))
    knee, spine = (subject.posed.joints[JOINT_INDEX[name]] for name in ("left_knee", "spine2"))
    skirt, belly = knee + [0.0, 0.1, 0.25], spine + [0.0, 0.0, 0.3]
    points = subject.frame.to_view(np.stack([skirt, belly]))
    np.testing.assert_allclose(hanging(subject, points), [1.0, 0.0], atol=0.02)
    assert hanging(subject, subject.vertices.numpy()).max() == 0.0
