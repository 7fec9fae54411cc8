"""The direction of imports: what each room may know of the others."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("blender_addon", "backend", "rigging")


def imported(path: Path) -> set[str]:
    """Absolute module names that a file imports, relative ones resolved against the repository root."""
    package = list(path.relative_to(ROOT).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join(base + ([node.module] if node.module else []))
            found |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return found


def files(*rooms: str) -> list[Path]:
    """The sources of rooms, without the script that built the body, which runs on anny and torch."""
    found = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    return [path for path in found if path.relative_to(ROOT).parts[:2] != ("rigging", "build")]


def offenders(rooms: tuple[str, ...], forbidden: tuple[str, ...], but: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(*rooms)
        for name in sorted(imported(path))
        if name.split(".")[0] in forbidden or any(name == f or name.startswith(f + ".") for f in forbidden)
        if not any(name == b or name.startswith(b + ".") or b.startswith(name + ".") or b == name for b in but)
    ]


@pytest.mark.parametrize(
    ("rooms", "forbidden", "but"),
    [
        (("backend",), ("blender_addon", "bpy"), ()),
        (("rigging",), ("backend", "blender_addon", "bpy", "torch"), ()),
        (("blender_addon",), ("backend", "torch"), ("backend.protocol",)),
        (("blender_addon/core",), ("bpy",), ()),
        (("backend/models",), ("backend.pipelines", "backend.worker", "backend.training", "backend.data"), ()),
        (("backend/geometry",), ("backend.models", "backend.pipelines", "backend.worker", "backend.data"), ()),
        (("backend/pipelines",), ("backend.worker", "backend.training", "backend.data", "backend.commands"), ()),
    ],
)
def test_arrows(rooms: tuple[str, ...], forbidden: tuple[str, ...], but: tuple[str, ...]) -> None:
    assert offenders(rooms, forbidden, but) == []


def test_protocol_is_standard_library_alone() -> None:
    for path in files("backend/protocol"):
        for name in imported(path):
            assert name.split(".")[0] in sys.stdlib_module_names | {"backend"}, f"{path}: {name}"
            assert not name.startswith("backend.") or name.startswith("backend.protocol"), f"{path}: {name}"
