"""Make backend/photo/world.npz: the network that corrects the pose network's world points.

    DOPPEL_ASSETS=... python tools/build_photo_world.py --photos 3000 --cache runs/photo_world

Photos of people of the factory's training split are staged, three cameras each, and read by the pose network; what it
says and what is true is kept in the cache, so that an interrupted run goes on. Every twelfth person is held out and
only measured.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from backend.data.catalogue import Catalogue  # noqa: E402
from backend.evaluation.photo import encode  # noqa: E402
from backend.evaluation.staged_photo import Camera, Stage, StagedPhoto  # noqa: E402
from backend.photo.fit import BodyFitter  # noqa: E402
from backend.photo.landmarks import find_people, with_details  # noqa: E402
from backend.photo.networks import shared_networks  # noqa: E402
from backend.photo.read import read_photo  # noqa: E402
from backend.photo.world import OTHER_SIDE, PATH, WorldPoints, features_of, mirrored  # noqa: E402
from backend.protocol.errors import DoppelError  # noqa: E402
from rigging.atomic import write_bytes  # noqa: E402
from rigging.body_model import BodyModel  # noqa: E402

SEED = 501
CAMERAS = 3
MOST_YAW = np.radians(70)
HELD_OUT = 12
MISREAD = 0.15
"""Metres in the picture, on average, from which a person counts as not found."""
BATCH, EPOCHS, RATE, WEIGHT_DECAY, JITTER = 64, 100, 1e-3, 3e-2, 0.05
LIMBS = [11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]


def true_landmarks(staged: StagedPhoto, fitter: BodyFitter, model: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (33, 3) about the middle of the hips, and where they are seen (33, 2) in pixels."""
    marks = fitter.landmarks_of(staged.body)
    return marks - marks[[23, 24]].mean(0), staged.to_pixels(marks - model.pose(staged.body).joints[0])


def stage_photos(count: int, cache: Path) -> None:
    """Stage and read photos that the cache does not hold yet: one .npz each, empty where nobody was found."""
    stage = Stage(Catalogue.load(None, verify=False), SEED, held_out=False)
    model = BodyModel.load()
    fitter = BodyFitter(model, world_points=WorldPoints())
    networks = shared_networks()
    cache.mkdir(parents=True, exist_ok=True)
    for index in tqdm(range(count), desc="photos"):
        path = cache / f"{index:06d}.npz"
        if path.exists():
            continue
        camera = None
        if index % CAMERAS:
            rng = np.random.default_rng([9, index])
            camera = Camera.draw(rng, 1.65 + 0.08 * rng.standard_normal(), MOST_YAW)
        staged = stage.take(index // CAMERAS, camera=camera)
        arrays: dict[str, np.ndarray] = {}
        try:
            photo = read_photo(encode(staged.rgb))
            person = with_details(photo.rgb, find_people(photo.rgb, networks)[0], networks)
        except DoppelError:
            person = None
        if person is not None:
            truth, pixels = true_landmarks(staged, fitter, model)
            apart = np.linalg.norm(pixels - person.points, axis=1)[person.visibility > 0.5]
            if apart.size and apart.mean() / len(staged.rgb) * staged.camera.extent < MISREAD:
                arrays = {"points": person.points, "world": person.world, "visibility": person.visibility}
                arrays["truth"] = truth
        np.savez(path, **arrays)  # type: ignore[arg-type]


def load(cache: Path, count: int) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """(features, world points, truth) of training photos with their mirror images, and of held-out ones without."""
    training: list[tuple[np.ndarray, ...]] = []
    held_out: list[tuple[np.ndarray, ...]] = []
    for index in range(count):
        with np.load(cache / f"{index:06d}.npz", allow_pickle=False) as archive:
            if not archive.files:
                continue
            seen = archive["points"], archive["world"], archive["visibility"]
            truth = archive["truth"]
        rows = held_out if (index // CAMERAS) % HELD_OUT == 0 else training
        rows.append((*features_of(*seen), truth))
        if rows is training:
            rows.append((*features_of(*mirrored(*seen)), truth[OTHER_SIDE] * (-1, 1, 1)))

    def stacked(rows: list[tuple[np.ndarray, ...]]) -> tuple[torch.Tensor, ...]:
        return tuple(torch.from_numpy(np.stack(column)).float() for column in zip(*rows, strict=True))

    return stacked(training), stacked(held_out)


def train(data: tuple[torch.Tensor, ...]) -> WorldPoints:
    """Mean distance, and the likelihood of a Laplace distribution about it, whose width the network tells."""
    torch.manual_seed(0)
    features, world, truth = data
    network = WorldPoints()
    network.mean, network.deviation = features.mean(0), features.std(0) + 1e-3
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * -(-len(features) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in tqdm(range(EPOCHS), desc="epochs"):
        for rows in torch.randperm(len(features)).split(BATCH):
            noisy = features[rows] + JITTER * network.deviation * torch.randn_like(features[rows])
            correction, width = network(noisy)
            error = (world[rows] + correction - truth[rows]).norm(dim=-1)
            loss = 3 * error.mean() + 0.05 * (error * (-width).exp() + 2 * width).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def measure(network: WorldPoints, data: tuple[torch.Tensor, ...], name: str) -> None:
    """Print mean distances of limbs' landmarks, cm."""
    features, world, truth = data
    with torch.no_grad():
        found = world + network(features)[0]
    before, after = (100 * (p - truth)[:, LIMBS].norm(dim=-1).mean() for p in (world, found))
    print(f"{name}: {len(features)} photos, {before:.1f} cm from the truth, {after:.1f} cm once corrected")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--cache", type=Path, required=True)
    args = parser.parse_args()
    stage_photos(args.photos, args.cache)
    training, held_out = load(args.cache, args.photos)
    network = train(training)
    measure(network, training, "training")
    measure(network, held_out, "held out")

    stream = io.BytesIO()
    np.savez_compressed(stream, **{k: v.numpy().astype(np.float16) for k, v in network.state_dict().items()})
    write_bytes(PATH, stream.getvalue())


if __name__ == "__main__":
    main()
