"""FCN, ResNet-50 at output stride 8, ADE20K, crops of 512, 80,000 iterations, with an auxiliary head.

4 GPUs x 4 images = 16, SGD lr 0.01 with mmseg's polynomial schedule, whole images in the test.
"""

_base_ = "mmseg::fcn/fcn_r50-d8_4xb4-80k_ade20k-512x512.py"

model = dict(
    pretrained=None,
    backbone=dict(type="ResNet", init_cfg=None),  # the stem of pretraining; mmseg's ResNetV1c has another
)

# lr 0.01 is that of a batch of 16; it follows the true batch
auto_scale_lr = dict(enable=True, base_batch_size=16)
default_hooks = dict(checkpoint=dict(type="slotcon_mm.PlainCheckpointHook", max_keep_ckpts=2))
