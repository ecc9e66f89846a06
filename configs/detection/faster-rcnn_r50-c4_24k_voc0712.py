"""Faster R-CNN, ResNet-50 C4, 24,000 iterations on VOC 07+12 trainval, tested on VOC 07 test.

MoCo's recipe, which its successors use: SyncBN everywhere, a BN after the shared last stage, nothing frozen, short
side 480 to 800, batch 16, lr 0.02, steps at 18,000 and 22,000. AP is the mean over IoU 0.5 to 0.95 with VOC 07's 11
points, as Detectron2 evaluates it; the paper reports no number for this benchmark.
"""

_base_ = "mmdet::pascal_voc/faster-rcnn_r50-caffe-c4_ms-18k_voc0712.py"

# ResLayerExtraNorm
custom_imports = dict(imports=["mmpretrain.models.utils.res_layer_extra_norm"], allow_failed_imports=False)

norm_cfg = dict(type="SyncBN", requires_grad=True)
model = dict(
    # RGB, as in pretraining
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
    backbone=dict(frozen_stages=-1, norm_cfg=norm_cfg, norm_eval=False, style="pytorch", init_cfg=None),
    roi_head=dict(
        shared_head=dict(type="ResLayerExtraNorm", norm_cfg=norm_cfg, norm_eval=False, style="pytorch", init_cfg=None)
    ),
)

train_cfg = dict(max_iters=24000, val_interval=6000)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=100),
    dict(type="MultiStepLR", begin=0, end=24000, by_epoch=False, milestones=[18000, 22000], gamma=0.1),
]
auto_scale_lr = dict(enable=True, base_batch_size=16)

val_evaluator = dict(iou_thrs=[0.5 + 0.05 * step for step in range(10)], eval_mode="11points")
test_evaluator = val_evaluator

custom_hooks = [dict(type="slotcon_mm.FinalPreciseBNHook", num_samples=200 * 16)]
default_hooks = dict(checkpoint=dict(type="slotcon_mm.PlainCheckpointHook", interval=6000, max_keep_ckpts=2))
