"""Linear probe on COCO-Stuff-27: a 1x1 convolution on frozen features, trained with the labels of train2017.

    python tools/train.py configs/unsupervised_segmentation/linear_r50_coco-stuff27.py --pretrained work_dirs/RUN
    python tools/test.py configs/unsupervised_segmentation/linear_r50_coco-stuff27.py work_dirs/linear_r50_coco-stuff27

Length and learning rate are this project's choice.
"""

_base_ = "./slotcon_r50_coco-stuff27.py"

model = dict(
    _delete_=True,
    type="slotcon_mm.LinearProbe",
    backbone=dict(type="ResNet", depth=50, norm_eval=True),
    in_channels=2048,
    num_classes=27,
)
train_dataloader = dict(
    _delete_=True,
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="slotcon_mm.LabelMapDataset",
        data_root="data/coco",
        data_prefix=dict(img_path="train2017", seg_map_path="stuffthingmaps/train2017"),
        label_set="coco-stuff-27",
        pipeline={{_base_.test_pipeline}},
    ),
)
train_cfg = dict(max_epochs=10)
optim_wrapper = dict(_delete_=True, type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1, momentum=0.9))
auto_scale_lr = dict(enable=True, base_batch_size=16)
param_scheduler = dict(_delete_=True, type="CosineAnnealingLR", by_epoch=True, convert_to_iter_based=True)
custom_hooks = []
test_evaluator = dict(clusters="identity")
