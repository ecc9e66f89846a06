"""Ablation: no inverse augmentation; groups of both views are compared cell by cell, as if nothing was cut or flipped.

For tools/benchmarks/study.py, which registers ``UnalignedViews``.
"""

_base_ = "./slotcon_r18_scenes.py"

train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.train_dataloader.dataset.pipeline, dict(type="UnalignedViews")]),
)
