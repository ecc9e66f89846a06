"""Registries of this package: one child under each of MMEngine's roots.

With ``scope='slotcon_mm'``, a config's ``type='slotcon_mm.SlotCon'`` resolves under any ``default_scope`` (mmpretrain,
mmdet, mmseg) and without ``custom_imports``: MMEngine imports this module by the scope's name and then ``locations``.
"""

from mmengine.registry import DATA_SAMPLERS as ROOT_DATA_SAMPLERS
from mmengine.registry import DATASETS as ROOT_DATASETS
from mmengine.registry import HOOKS as ROOT_HOOKS
from mmengine.registry import LOOPS as ROOT_LOOPS
from mmengine.registry import METRICS as ROOT_METRICS
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as ROOT_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIMIZERS as ROOT_OPTIMIZERS
from mmengine.registry import PARAM_SCHEDULERS as ROOT_PARAM_SCHEDULERS
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS
from mmengine.registry import VISBACKENDS as ROOT_VISBACKENDS
from mmengine.registry import Registry

__all__ = [
    "DATASETS",
    "DATA_SAMPLERS",
    "HOOKS",
    "LOOPS",
    "METRICS",
    "MODELS",
    "OPTIMIZERS",
    "OPTIM_WRAPPER_CONSTRUCTORS",
    "PARAM_SCHEDULERS",
    "TRANSFORMS",
    "VISBACKENDS",
]


def child(name: str, parent: Registry, location: str) -> Registry:
    return Registry(name, parent=parent, scope="slotcon_mm", locations=[f"slotcon_mm.{location}"])


MODELS = child("model", ROOT_MODELS, "models")
DATASETS = child("dataset", ROOT_DATASETS, "datasets")
DATA_SAMPLERS = child("data sampler", ROOT_DATA_SAMPLERS, "datasets")
TRANSFORMS = child("transform", ROOT_TRANSFORMS, "datasets")
OPTIM_WRAPPER_CONSTRUCTORS = child("optimizer wrapper constructor", ROOT_OPTIM_WRAPPER_CONSTRUCTORS, "engine")
OPTIMIZERS = child("optimizer", ROOT_OPTIMIZERS, "engine")
PARAM_SCHEDULERS = child("parameter scheduler", ROOT_PARAM_SCHEDULERS, "engine")
LOOPS = child("loop", ROOT_LOOPS, "engine")
HOOKS = child("hook", ROOT_HOOKS, "engine")
METRICS = child("metric", ROOT_METRICS, "evaluation")
VISBACKENDS = child("visualizer backend", ROOT_VISBACKENDS, "visualization")
