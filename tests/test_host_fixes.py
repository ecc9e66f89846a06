"""The host libraries as this package needs them."""

from __future__ import annotations

from pathlib import Path

import mmpretrain.utils.dependency
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.utils import get_installed_path

import slotcon_mm
from slotcon_mm.host_fixes import apply_host_fixes


def test_importing_the_package_applies_them():
    assert get_installed_path(MODULE2PACKAGE["slotcon_mm"]) == str(Path(slotcon_mm.__file__).parent)
    assert MODULE2PACKAGE["mmseg"] == "mmseg"
    assert mmpretrain.utils.dependency.WITH_MULTIMODAL is False


def test_applying_them_twice_is_harmless():
    apply_host_fixes()
    apply_host_fixes()
