import numpy as np
import pytest

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameterError
from rigging.semantic import RANGES, SEMANTIC, betas_to_semantic, default_semantic, height_cm, semantic_to_betas


def measured_cm(betas: np.ndarray) -> float:
    return 100 * BodyModel.load().height(betas)


def test_mean_body_is_an_average_adult():
    semantic = default_semantic()
    assert tuple(semantic) == SEMANTIC
    assert 166 < semantic["height_cm"] < 174
    assert 0.4 < semantic["gender"] < 0.6


@pytest.mark.parametrize("target", [140, 152.5, 170, 182, 195, 210])
@pytest.mark.parametrize("gender", [0.0, 0.5, 1.0])
def test_height_is_met(target, gender):
    betas = semantic_to_betas({"height_cm": target, "gender": gender})
    assert measured_cm(betas) == pytest.approx(target, abs=0.1)


def test_height_of_few_vertices_equals_the_height_of_the_mesh():
    rng = np.random.default_rng(1)
    for betas in rng.normal(0, 1.2, (40, 10)):
        assert height_cm(betas) == pytest.approx(measured_cm(betas), abs=0.2)


def test_all_corners_of_the_sliders_are_met_or_refused():
    met = 0
    corners = np.array(np.meshgrid(*(RANGES[name] for name in SEMANTIC))).reshape(len(SEMANTIC), -1).T
    for corner in corners:
        try:
            betas = semantic_to_betas(dict(zip(SEMANTIC, corner, strict=True)))
        except BodyParameterError as error:
            assert "towards the middle" in str(error)
        else:
            met += 1
            assert measured_cm(betas) == pytest.approx(corner[SEMANTIC.index("height_cm")], abs=1.0)
    assert met == len(corners)


def test_round_trip():
    rng = np.random.default_rng(2)
    low, high = np.array(list(RANGES.values())).T
    for _ in range(20):
        values = dict(zip(SEMANTIC, rng.uniform(low + 0.1 * (high - low), high - 0.1 * (high - low)), strict=True))
        again = betas_to_semantic(semantic_to_betas(values))
        for name, value in values.items():
            span = RANGES[name][1] - RANGES[name][0]
            assert again[name] == pytest.approx(value, abs=0.02 * span), name


@pytest.mark.parametrize(
    ("name", "grows"),
    [("weight", "waist"), ("muscle", "arm")],
)
def test_sliders_do_what_they_say(name, grows):
    body = BodyModel.load()

    def girth(value: float) -> float:
        vertices, joints = body.shaped(semantic_to_betas({name: value, "gender": 0.0}))
        if grows == "waist":
            ring = np.abs(vertices[:, 1] - joints[3, 1]) < 0.02
            ring &= np.abs(vertices[:, 0]) < 0.3
            return float(np.ptp(vertices[ring][:, [0, 2]], axis=0).sum())
        middle = (joints[16] + joints[18]) / 2
        ring = np.abs(vertices[:, 0] - middle[0]) < 0.02
        return float(np.ptp(vertices[ring][:, 1:], axis=0).sum())

    assert girth(1.0) > girth(0.5) * 1.02 > girth(0.0) * 1.04


def test_gender_slider_widens_hips_relative_to_shoulders():
    body = BodyModel.load()

    def ratio(gender: float) -> float:
        vertices, joints = body.shaped(semantic_to_betas({"gender": gender}))
        hips = np.abs(vertices[:, 1] - joints[1, 1]) < 0.03
        hips &= np.abs(vertices[:, 0]) < 0.3
        return float(np.ptp(vertices[hips, 0]) / np.ptp(joints[16:18, 0]))

    assert ratio(1.0) > ratio(0.0) * 1.05


@pytest.mark.parametrize(
    ("semantic", "message"),
    [
        ({"age": 12}, "age must lie in 18..90 years, got 12"),
        ({"gender": -0.1}, "gender must lie in 0..1"),
        ({"height_cm": float("nan")}, "height_cm must be a number"),
        ({"height_cm": "180"}, "height_cm must be a number"),
        ({"weight": True}, "weight must be a number"),
        ({"hight": 1}, "Unknown slider 'hight'"),
        ([1], "must map slider names"),
    ],
)
def test_invalid_sliders(semantic, message):
    with pytest.raises(BodyParameterError, match="^") as caught:
        semantic_to_betas(semantic)
    assert message in str(caught.value)


def test_invalid_betas():
    with pytest.raises(BodyParameterError, match="10 finite numbers"):
        betas_to_semantic(np.zeros(9))
