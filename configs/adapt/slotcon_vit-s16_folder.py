"""SlotCon from the weights of a ViT-S/16 (DINO, iBOT, MoCo v3, MAE, supervised ones), on your own images.

    python tools/adapt.py FOLDER --from dino_deitsmall16_pretrain.pth --out work_dirs/adapted

Grid of a view: 14 x 14.
"""

_base_ = "./slotcon_convnext-t_folder.py"

model = dict(
    backbone=dict(_delete_=True, type="VisionTransformer", arch="deit-small", patch_size=16, out_type="featmap"),
    neck=dict(in_channels=384),
)
optim_wrapper = dict(
    paramwise_cfg=dict(
        layer_decay_rate=0.75,
        custom_keys={
            "prototypes": dict(decay_mult=0.0),
            ".cls_token": dict(decay_mult=0.0),
            ".pos_embed": dict(decay_mult=0.0),
        },
    )
)
