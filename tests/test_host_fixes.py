"""The host libraries as this package needs them."""

from __future__ import annotations

from importlib.metadata import packages_distributions
from pathlib import Path

import mmpretrain.utils.dependency
import pytest
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.utils import get_installed_path

import slotcon_mm
from slotcon_mm.host_fixes import apply_host_fixes, format_a_config_once


def test_importing_the_package_applies_them():
    assert get_installed_path(MODULE2PACKAGE["slotcon_mm"]) == str(Path(slotcon_mm.__file__).parent)
    assert MODULE2PACKAGE["mmseg"] == "mmseg"
    assert mmpretrain.utils.dependency.WITH_MULTIMODAL is False


def test_applying_them_twice_is_harmless():
    apply_host_fixes()
    apply_host_fixes()


@pytest.mark.parametrize(
    ("host", "base", "found"),
    [
        ("mmpretrain", "slotcon_mm::ablations/slotcon_r50_coco_k64.py", "slotcon_mm.SlotCon"),
        ("mmdet", "slotcon_mm::detection/mask-rcnn_r18_fpn_quickstart.py", "MaskRCNN"),
        ("mmpretrain", "mmpretrain::byol/byol_resnet50_16xb256-coslr-200e_in1k.py", "BYOL"),
        ("mmdet", "mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py", "MaskRCNN"),
        ("mmseg", "mmseg::fcn/fcn_r50-d8_4xb4-80k_ade20k-512x512.py", "EncoderDecoder"),
    ],
)
def test_configs_of_each_package_can_be_inherited_from(tmp_path, host, base, found):
    """Whichever stack they come from: the forks' distributions have other names than MMEngine's table."""
    pytest.importorskip(host)
    config = tmp_path / "mine.py"
    config.write_text(f'_base_ = "{base}"\n')
    assert Config.fromfile(config).model.type == found


def test_a_config_is_formatted_as_mmengine_does_and_once(monkeypatch):
    asked = []

    def pretty_text(config: Config) -> str:
        asked.append(config)
        return of_mmengine(config)

    of_mmengine = Config.pretty_text.fget
    monkeypatch.setattr(Config, "pretty_text", property(pretty_text))
    config = Config(dict(model=dict(type="SlotCon", sizes=[*range(40)])))
    expected = config.pretty_text
    format_a_config_once()
    assert [config.pretty_text for _ in range(3)] == [expected] * 3
    assert len(asked) == 2
    config.model.type = "Another"
    assert "Another" in config.pretty_text
    assert len(asked) == 3


def test_the_page_names_the_distribution_by_which_mim_knows_mmdet():
    pytest.importorskip("mmdet")
    page = (Path(__file__).parents[1] / "tools/README.md").read_text()
    [row] = [line for line in page.splitlines() if line.startswith("| `mim train` and `mim test` know MMDetection as")]
    assert f"`{packages_distributions()['mmdet'][0]}`" in row
