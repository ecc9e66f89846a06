"""UPerNet, ViT-B/16, ADE20K, crops of 512, 160,000 iterations: the semantic segmentation of the SlotMIM paper.

    tools/dist_train.sh configs/segmentation/upernet_vit-b16_ade20k-512x512_160k.py 4 --pretrained WEIGHTS

4 GPUs x 4 images = 16, AdamW lr 1e-4, weight decay 0.05, a layer's rate 0.65 of that above it, drop-path 0.1, warm-up
of 1,500 iterations, then linearly to 0, mixed precision, sliding test with crop 512 and stride 341. Maps are those
behind the blocks 3, 5, 7 and 11, counted from 0, without the final norm, brought to strides 4, 8, 16 and 32.
"""

_base_ = "mmseg::mae/mae-base_upernet_8xb2-amp-160k_ade20k-512x512.py"

model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type="mmpretrain.VisionTransformer",
        arch="base",
        img_size=512,
        patch_size=16,
        drop_path_rate=0.1,
        out_indices=[3, 5, 7, 11],
        out_type="featmap",
        final_norm=False,
    ),
)

optim_wrapper = dict(
    _delete_=True,
    type="AmpOptimWrapper",  # the inherited "fp16" is of mmseg 0.x, and nothing reads it
    loss_scale="dynamic",
    optimizer=dict(type="AdamW", lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    # mmseg's own constructor takes its BEiT and MAE only
    constructor="slotcon_mm.LayerDecayConstructor",
    paramwise_cfg=dict(layer_decay_rate=0.65, norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
)
train_dataloader = dict(batch_size=4)
# lr 1e-4 is that of a batch of 16; it follows the true batch
auto_scale_lr = dict(enable=True, base_batch_size=16)
default_hooks = dict(checkpoint=dict(type="slotcon_mm.PlainCheckpointHook", max_keep_ckpts=2))
