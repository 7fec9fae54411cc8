"""The asset folder where there is one, and a tiny garment that is always there."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.data.catalogue import ENVIRONMENT_VARIABLE, Catalogue


@pytest.fixture(scope="session")
def assets() -> Path:
    folder = os.environ.get(ENVIRONMENT_VARIABLE, "")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{ENVIRONMENT_VARIABLE} does not name the asset folder (docs/assets.md)")
    return Path(folder)


@pytest.fixture(scope="session")
def catalogue(assets: Path) -> Catalogue:
    return Catalogue.load(assets)


# Two quads in a row, hung on the chest; the second quad is a UV island of its own.
_OBJ = """v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
v 2 0 0
v 2 1 0
vt 0 0
vt 0.5 0
vt 0.5 1
vt 0 1
vt 0.6 0
vt 1 0
vt 1 1
vt 0.6 1
f 1/1 2/2 3/3 4/4
f 2/5 5/6 6/7 3/8
"""
_MHCLO = """# a clothes file
basemesh hm08
name patch
obj_file patch.obj
x_scale 5399 11998 1.4
tag Casual
verts 0
material patch.mhmat
100 200 300 0.2 0.3 0.5 0.1 0.2 0.3
100 200 300 0.2 0.3 0.5 0.2 0.2 0.3
17
vertexboneweights_file nowhere.mhw
100 200 300 1.5 -0.3 -0.2 0.0 0.0 0.0
100 200 300 0.2 0.3 0.5 0.4 0.2 0.3
100 200 300 0.2 0.3 0.5 0.5 0.2 0.3
delete_verts
3 7 - 9 12
40 -
41
"""


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    """Path of a `.mhclo` with mesh, material and texture."""
    (tmp_path / "patch.obj").write_text(_OBJ)
    (tmp_path / "patch.mhclo").write_text(_MHCLO)
    (tmp_path / "patch.mhmat").write_text("name Patch\ntransparent True\nshader no/such\ndiffuseTexture patch.png\n")
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[:, 4:] = (200, 10, 10, 90)
    Image.fromarray(pixels).save(tmp_path / "patch.png")
    return tmp_path / "patch.mhclo"
