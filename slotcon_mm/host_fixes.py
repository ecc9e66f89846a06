"""The one place for what the host libraries get wrong or leave closed; each with the version that ends it."""

from __future__ import annotations

from typing import Any

__all__ = ["apply_host_fixes", "format_a_config_once", "keep_models_on_the_cpu"]


def apply_host_fixes() -> None:
    allow_configs_of_this_package()
    keep_default_scope_of_inherited_configs()
    keep_multimodal_out_of_mmpretrain()
    format_a_config_once()


def allow_configs_of_this_package() -> None:
    """Lets ``_base_ = 'slotcon_mm::...'`` resolve; MMEngine has a fixed table of packages (0.10.7, no release ends it).

    The table leads to a distribution's place, which is wrong for editable installs (PEP 660): their metadata lie in
    site-packages, the package elsewhere. A name that no distribution has makes MMEngine ask the import system, which
    knows (https://github.com/open-mmlab/mmengine/issues/1158).

    ``mmseg`` is set as well: the table names a distribution that the onedl forks do not have (onedl-mmengine 0.10.12).
    """
    from mmengine.config.utils import MODULE2PACKAGE

    MODULE2PACKAGE["slotcon_mm"] = __name__
    MODULE2PACKAGE["mmseg"] = "mmseg"


def keep_default_scope_of_inherited_configs() -> None:
    """MMEngine marks what ``_base_ = 'package::...'`` brings with ``_scope_ = 'package'``, and looks up its types there
    (0.10.7, no release ends it). The configs of this package name types of mmpretrain, mmdet and mmseg, which
    their ``default_scope`` finds, and prefix their own: they need no mark, and with it nothing of the hosts is found.
    """
    from mmengine.config import Config

    mark = Config._dict_to_config_dict

    def mark_others(cfg: Any, scope: str | None = None, has_scope: bool = True) -> Any:
        return mark(cfg, None if scope == "slotcon_mm" else scope, has_scope)

    Config._dict_to_config_dict = staticmethod(mark_others)


def keep_multimodal_out_of_mmpretrain() -> None:
    """mmpretrain 1.2.0 imports its multimodal models where pycocotools and transformers are installed, by names that
    transformers 4.56 no longer has (https://github.com/xinyu1205/recognize-anything/issues/219): none is needed here.
    onedl-mmpretrain 1.3 has it fixed."""
    import mmpretrain.utils.dependency

    mmpretrain.utils.dependency.WITH_MULTIMODAL = False


def format_a_config_once() -> None:
    """MMEngine formats the text of a run's config at its start four times, and for every checkpoint once more (0.10.7,
    no release ends it): about 0.2 s each, in which training waits. An equal config has the same text."""
    from mmengine.config import Config

    of_mmengine, known = Config.pretty_text.fget, dict[str, str]()

    def pretty_text(config: Config) -> str:
        asked = repr((config.to_dict(), config._format_python_code))
        if asked not in known:
            known.clear()
            known[asked] = of_mmengine(config)
        return known[asked]

    Config.pretty_text = property(pretty_text)


def keep_models_on_the_cpu() -> None:
    """From here on MMEngine's ``get_device`` is the CPU, in this process.

    By it runners and strategies place models, resume checkpoints and choose the type of autocast. MMEngine decides at
    its import, and offers no way to decide otherwise later (0.10.7, no release ends it): CUDA_VISIBLE_DEVICES comes
    too late then, and says nothing to Apple's MPS.
    """
    import mmengine.device.utils

    mmengine.device.utils.DEVICE = "cpu"
