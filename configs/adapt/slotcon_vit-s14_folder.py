"""SlotCon from the weights of DINOv2's ViT-S/14, on your own images.

    python tools/adapt.py FOLDER --from dinov2_vits14_pretrain.pth --out work_dirs/adapted

Grid of a view: 16 x 16. For weights with registers: --cfg-options
model.backbone.type=slotcon_mm.RegisterVisionTransformer.
"""

_base_ = "./slotcon_vit-s16_folder.py"

model = dict(backbone=dict(patch_size=14, layer_scale_init_value=1e-5))
