"""`doppel eval images`: generated pictures of the test split's people against prompt, body and truth, beside baselines.

Identities and clothes of these people are in no training data. Each is asked for by one long caption, on its own body;
the seed is its number. Pictures are kept by weights and settings, so that a second run goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..protocol.errors import DoppelError
from ..protocol.request import GenerateRequest

if TYPE_CHECKING:
    from ..pipelines.avatar import AvatarPipeline
    from .cases import Case
    from .generation import Generated, Sampling
    from .image_tables import Method
    from .judge import Judge

OURS, NEIGHBOUR, COLOURED, COPY, TRUE, OTHER, TRAINING = (
    "Doppel",
    "nearest training person",
    "coloured body map",
    "truth through the autoencoder",
    "true pictures (ceiling)",
    "somebody else's (chance)",
    "training pictures (floor)",
)
_SHEET = 12
_DEFAULTS = GenerateRequest(prompt="-")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("images", help="the two views against prompt, body and truth", description=__doc__)
    parser.add_argument("--people", type=int, default=48)
    parser.add_argument("--hypotheses-people", type=int, default=8, metavar="N", help="so many get eight backs each")
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="datasets that the models were trained on")
    parser.add_argument("--train-limit", type=int, default=None, help="use only so many of their people")
    parser.add_argument("--out", type=Path, default=Path("runs/eval/images"), help="cache; a second run goes on")
    parser.add_argument("--report", type=Path, default=None, help="write tables here and sheets beside it")
    parser.add_argument("--seed", type=int, default=0, help="of the people")
    parser.add_argument("--steps", type=int, default=_DEFAULTS.steps)
    parser.add_argument("--guidance-scale", type=float, default=_DEFAULTS.guidance_scale)
    parser.add_argument("--assets", type=Path, default=None, help="asset folder (default: $DOPPEL_ASSETS)")
    parser.add_argument("--weights", type=Path, default=None, help="model folder (default: the bundled one)")
    parser.add_argument("--judge", type=Path, default=None, help="folder of the judge (default: the bundled one)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)


def run(args: argparse.Namespace) -> int:
    import torch
    from tqdm import tqdm

    from ..pipelines.avatar import AvatarPipeline
    from .cases import cases
    from .distribution import PictureFeatures
    from .generation import Sampling, back_hypotheses, fingerprint, generated
    from .image_report import write_report
    from .judge import JUDGE_FOLDER, Judge

    if args.people < 2 or not 0 <= args.hypotheses_people <= args.people:
        raise DoppelError("eval_arguments", "--people must be at least 2, --hypotheses-people no more than that")
    torch.set_num_threads(args.threads)
    judge_folder = args.judge or JUDGE_FOLDER
    if not (judge_folder / "config.json").is_file():
        raise DoppelError("judge_missing", f"there is no judge in {judge_folder}", "train one: doppel train judge")
    judge = Judge.from_pretrained(judge_folder).float().eval()
    features = PictureFeatures(torch.device(args.device))
    pipeline = AvatarPipeline.from_pretrained(args.weights, args.device)
    sampling = Sampling(args.steps, args.guidance_scale)
    folder = args.out / fingerprint(pipeline, sampling, args.seed)

    every = list(
        tqdm(cases(args.out / "truth", args.people, args.seed, args.assets, pipeline.device), "people", args.people)
    )
    made = [generated(pipeline, case, sampling, folder) for case in tqdm(every, desc="pictures")]
    hypotheses = [
        back_hypotheses(pipeline, case, sampling, folder)
        for case in tqdm(every[: args.hypotheses_people], desc="hypotheses")
    ]
    methods = _measure(args, pipeline, judge, features, every, made)
    tables = _tables(args, pipeline, sampling, methods, made, hypotheses)
    print(tables)
    if args.report:
        sheets = _write_sheets(args.report, every, made)
        write_report(args.report, tables + "\n\n" + sheets)
    return 0


def _measure(
    args: argparse.Namespace,
    pipeline: AvatarPipeline,
    judge: Judge,
    features: Any,
    every: list[Case],
    made: list[Generated],
) -> dict[str, Method]:
    """Every method's figures. The training floor has features alone: other people than the neighbours."""
    import torch
    from tqdm import tqdm

    from ..data.dataset import read_sample
    from ..pipelines.body import PosedSubject
    from .generation import through_autoencoder
    from .image_tables import Method
    from .picture_baselines import Neighbours, coloured_body
    from .pictures import SIZE, Shown, attributes_right, shape_figures, true_pictures

    neighbours = Neighbours.of(args.train, pipeline.prompt, args.train_limit)
    methods = {name: Method() for name in (OURS, NEIGHBOUR, COLOURED, COPY, TRUE, OTHER, TRAINING)}

    def shown(number: int) -> Iterator[tuple[str, Shown]]:
        case, other = every[number], every[(number + 1) % len(every)]
        truth = true_pictures(case)
        nearest = neighbours.nearest(pipeline.prompt.tokens([case.prompt]))
        body = PosedSubject.of(case.subject.model, nearest.body, pipeline.device)
        yield OURS, Shown.of(made[number].pictures(), case.subject)
        yield NEIGHBOUR, Shown.of(torch.stack([nearest.front, nearest.back]) / 255, body)
        yield COLOURED, Shown.of(coloured_body(case.subject, case.named), case.subject)
        yield COPY, Shown.of(through_autoencoder(pipeline, truth, case), case.subject)
        yield TRUE, Shown.of(truth, case.subject)
        yield OTHER, Shown.of(true_pictures(other), other.subject)

    for number, case in enumerate(tqdm(every, desc="measures")):
        silhouettes = case.sample.front[3] / 255, case.subject.maps(SIZE)[0, 7].cpu()
        for name, one in shown(number):
            methods[name].right.append(attributes_right(one, case, judge))
            if name != OTHER:
                methods[name].shape.append(shape_figures(one, *silhouettes))
                methods[name].features.append(features(one.pictures))
    stride = max(1, len(neighbours.paths) // len(every))
    for path in neighbours.paths[::stride][: len(every)]:
        sample = read_sample(path)
        methods[TRAINING].features.append(features(torch.stack([sample.front, sample.back]) / 255))
    return methods


def _tables(
    args: argparse.Namespace,
    pipeline: AvatarPipeline,
    sampling: Sampling,
    methods: dict[str, Method],
    made: list[Generated],
    hypotheses: list[dict[str, float]],
) -> str:
    from ..commands.bench import device_name
    from .colours import TOLERANCE
    from .image_report import commit_name
    from .image_tables import attribute_table, back_table, cost_table, picture_table

    rated = {name: method for name, method in methods.items() if method.right}
    unet = pipeline.models["unet/diffusion_pytorch_model.safetensors"][:12]
    size = made[0].pictures().shape[-1]
    return "\n".join(
        [
            f"{len(made)} people of the test split (`--seed {args.seed}`, people 0 to {len(made) - 1}, each generated "
            f"with its number as seed), {sampling.steps} steps, guidance scale {sampling.guidance_scale:g}, pictures "
            f"of {size} pixels. {device_name(pipeline.device)}. Commit {commit_name()}, denoiser {unet}, made by",
            "",
            f"    doppel {' '.join(sys.argv[1:])}",
            "",
            "## Does the picture show what the prompt says?",
            "",
            attribute_table(rated),
            "",
            "Only what the prompt puts into words counts, and hair only without a hat. Colours (also of skin and hair) "
            "are medians in Lab at places that the body's parts fix beforehand; one is right when the nearest named "
            f"colour is of the family asked for, or within {TOLERANCE:g} of it (CIEDE2000). The rest is read by a "
            "small network of our own that was taught on the training split; its column of true pictures is the most "
            "that it can grant anybody.",
            "",
            "## Shape, sides, and the set as a whole",
            "",
            picture_table(methods, TRUE),
            "",
            "Frechet and kernel distance are taken on features of efficientnet-lite0 (ImageNet), not of Inception: "
            f"they are no FID. {2 * len(made)} pictures a set are few for 1,280 features, so the Frechet distances "
            "are biased upwards, all alike: compare them with the floor, the same number of training pictures against "
            "the test split, never with other tables. The kernel distance has no such bias.",
            "",
            back_table(made, hypotheses),
            "",
            "Lab distances between pictures are means (CIE76) at 128 pixels over both silhouettes.",
            "",
            "## What a person costs",
            "",
            cost_table(made, pipeline.device.type),
            "",
            "Medians. The machine may be shared; processor seconds do not count what others take of it.",
        ]
    )


def _write_sheets(report: Path, every: list[Case], made: list[Generated]) -> str:
    """Contact sheets beside the report; the Markdown that shows them."""
    from .pictures import Shown
    from .prompt_sheet import prompt_sheet, save_sheet, three_pictures

    folder = report.parent / report.stem
    lines = ["## Test prompts", "", "Generated front and back, then the true front. Nothing was picked.", ""]
    for sheet, start in enumerate(range(0, min(2 * _SHEET, len(every)), _SHEET)):
        entries = [
            (case.prompt, three_pictures(Shown.of(one.pictures(), case.subject).pictures, case.sample.front / 255))
            for case, one in list(zip(every, made, strict=True))[start : start + _SHEET]
        ]
        name = f"test_prompts_{sheet + 1}.jpg"
        save_sheet(folder / name, prompt_sheet(entries))
        lines.append(f"![Test prompts {start + 1} to {start + len(entries)}]({report.stem}/{name})")
    return "\n".join(lines)
