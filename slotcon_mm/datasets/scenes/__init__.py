"""Generated scenes: the dataset of quickstart and tests, with labels that pretraining never sees."""

from slotcon_mm.datasets.scenes.scene import CLASSES, Scene, paint_scene
from slotcon_mm.datasets.scenes.styles import STYLES
from slotcon_mm.datasets.scenes.writer import write_scenes

__all__ = ["CLASSES", "STYLES", "Scene", "paint_scene", "write_scenes"]
