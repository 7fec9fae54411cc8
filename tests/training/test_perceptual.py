"""The losses that judge a picture's look."""

import pytest
import torch

from backend.training.perceptual import ClassifierFeatures, perceptual_distance


def test_perceptual_distance_prefers_a_sharp_picture() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    torch.manual_seed(0)
    features = ClassifierFeatures()
    target = torch.zeros(1, 4, 96, 96)
    target[:, :, ::8] = 0.8
    blurred = torch.nn.functional.avg_pool2d(target, 9, 1, 4)
    wanted, soft, dark = (features(picture) for picture in (target, blurred, target * 0.9))
    assert perceptual_distance(wanted, wanted) == 0
    assert perceptual_distance(soft, wanted) > 2 * perceptual_distance(dark, wanted) > 0
