"""Packaging. For an environment that is known to work use tools/setup_env.sh; this states the bounds."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "slotcon_mm/__init__.py").read_text())[1]

# mmcv is not among them: an isolated build of it silently lacks its operators. Importing without it says what to run.
# OpenMMLab's own releases end with Python 3.12; from 3.13 on their maintained forks have the same import names.
ORIGINAL, FORKS = 'python_version < "3.13"', 'python_version >= "3.13"'
OPENMMLAB = [
    f"mmengine>=0.10.6,<1.0; {ORIGINAL}",
    f"mmpretrain>=1.2.0,<2.0; {ORIGINAL}",
    f"onedl-mmengine>=0.10.12,<1.0; {FORKS}",
    f"onedl-mmpretrain>=1.3.6,<2.0; {FORKS}",
]
MMDET = [f"mmdet>=3.3.0,<4.0; {ORIGINAL}", f"onedl-mmdetection>=3.5.1,<4.0; {FORKS}"]
MMSEG = [f"mmsegmentation>=1.2.2,<2.0; {ORIGINAL}", f"onedl-mmsegmentation>=1.4.2,<2.0; {FORKS}"]

setup(
    name="slotcon_mm",
    version=VERSION,
    description="SlotCon (NeurIPS 2022) for MMPretrain and MMEngine: pretraining on unlabeled images of scenes",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.15",
    packages=find_packages(include=["slotcon_mm", "slotcon_mm.*"]),
    # configs, tools and model-index.yml, which `_base_ = 'slotcon_mm::...'` and mim look for below the package, depth
    # by depth, since setuptools before 62.3 reads ** as *
    package_data={"slotcon_mm": [".mim/" + "/".join("*" * depth) for depth in range(1, 5)]},
    exclude_package_data={"": ["*.py[co]"]},
    install_requires=[
        "torch>=2.6",
        "torchvision>=0.21",
        "numpy>=1.26,<3",
        "scipy>=1.11,<2",
        "matplotlib>=3.8,<4",
        "pycocotools>=2.0.7,<3",
        "tqdm>=4.60,<5",
        "safetensors>=0.4,<1",
    ],
    extras_require={
        "openmmlab": OPENMMLAB,
        "det": [*OPENMMLAB, *MMDET],
        "seg": [*OPENMMLAB, *MMSEG, "ftfy", "regex"],
        "tests": [
            "pytest>=8",
            "pytest-xdist>=3",
            "hypothesis>=6",
            "ruff>=0.9",
            "mypy>=1.10",
            "import-linter>=2.15",
            "timm>=1.0",
        ],
    },
)
