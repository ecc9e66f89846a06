"""SlotMIM from the weights of DINOv2's ViT-S/14, on your own images.

    CONFIG=configs/adapt/slotmim_vit-s14_folder.py
    python tools/adapt.py FOLDER --from dinov2_vits14_pretrain.pth --out work_dirs/adapted --config $CONFIG

Grid of a view: 16 x 16. For weights with registers: --cfg-options model.backbone.num_registers=4.
"""

_base_ = "./slotmim_vit-s16_folder.py"

model = dict(backbone=dict(patch_size=14, layer_scale_init_value=1e-5))
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="slotcon_mm.LoadImage"),
            dict(type="slotcon_mm.PairedViews", size=224, mask=dict(patch_size=14, share=(0.1, 0.5))),
        ]
    )
)
