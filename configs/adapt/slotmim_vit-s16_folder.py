"""SlotMIM from the weights of a ViT-S/16 (DINO, iBOT, MoCo v3, MAE, supervised ones), on your own images.

    CONFIG=configs/adapt/slotmim_vit-s16_folder.py
    python tools/adapt.py FOLDER --from ibot_vits16.pth --out work_dirs/adapted --config $CONFIG

Grid of a view: 14 x 14. A quarter of the rate from random weights, and lower layers slower: a starting point, not a
measurement.
"""

_base_ = "../slotmim_vit-s16_folder.py"

adaptation = dict(cluster_prototypes=False, heads_first=0.0)
optim_wrapper = dict(
    optimizer=dict(lr=1.5e-4 * 1024 / 256 / 4), paramwise_cfg=dict(layer_decay_rate=0.75, backbone_lr_mult=1.0)
)
