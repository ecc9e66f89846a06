"""As the quickstart, from the weights of its small network: for trying adaptation on two CPU cores.

python tools/adapt.py FOLDER --from work_dirs/quickstart --out work_dirs/adapted
"""

_base_ = "../slotcon_r18_quickstart.py"

adaptation = dict(cluster_prototypes=True, heads_first=0.1)
train_dataloader = dict(dataset=dict(folders=[""]))
optim_wrapper = dict(
    constructor="slotcon_mm.LayerDecayConstructor", paramwise_cfg=dict(backbone_lr_mult=1.0, layer_decay_rate=1.0)
)
