"""SlotCon from the weights of a ResNet-50, on your own images.

    python tools/adapt.py FOLDER --from torchvision://resnet50 --out work_dirs/adapted

or, for several GPUs,

    SLOTCON_DATA=FOLDER tools/dist_train.sh configs/adapt/slotcon_r50_folder.py 8 --pretrained WEIGHTS

Grid of a view: 7 x 7. README.md beside this file says what of this is measured.
"""

_base_ = "../slotcon_r50_folder.py"

adaptation = dict(cluster_prototypes=True, heads_first=0.1)
optim_wrapper = dict(
    constructor="slotcon_mm.LayerDecayConstructor", paramwise_cfg=dict(backbone_lr_mult=1.0, layer_decay_rate=1.0)
)
