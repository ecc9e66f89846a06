"""What the study's other methods share with SlotCon: images, views, batch, epochs, backbone, schedule's form.

Views are those of SlotCon, crop by crop and color by color: mmpretrain's methods take the same two tensors, and leave
boxes and flips alone. Projectors are as wide as SlotCon's. Teachers follow five times as fast as published, as
SlotCon's does here (0.95 for 0.99): a thousand steps are few.
"""

_base_ = "../../slotcon_r18_quickstart.py"

model = dict(
    _delete_=True,
    backbone=dict(
        type="ResNet",
        depth=18,
        base_channels=16,
        stem_channels=16,
        strides=(1, 2, 1, 1),
        norm_cfg=dict(type="SyncBN"),
    ),
    data_preprocessor=dict(type="slotcon_mm.ViewPreprocessor"),
)
custom_hooks = [
    dict(type="slotcon_mm.SampleSeedHook"),
    dict(type="slotcon_mm.ThroughputHook"),
]
optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    # the published 0.03 for a batch of 256, for a batch of 32
    optimizer=dict(type="SGD", lr=0.03 * 32 / 256, momentum=0.9, weight_decay=1e-4),
)
