"""SlotCon from the weights of a ConvNeXt-T, on your own images.

    python tools/adapt.py FOLDER --from torchvision://convnext_tiny --out work_dirs/adapted

Grid of a view: 7 x 7. Layer-wise decay and AdamW's numbers are those of ConvNeXt's and BEiT's fine-tuning; the rate is
a starting point, not a measurement.
"""

_base_ = "./slotcon_r50_folder.py"

model = dict(
    backbone=dict(_delete_=True, type="ConvNeXt", arch="tiny", gap_before_final_norm=False, drop_path_rate=0.0),
    neck=dict(in_channels=768),
)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="AdamW", lr=5e-4, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(
        layer_decay_rate=0.8,
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys={"prototypes": dict(decay_mult=0.0)},
    ),
)
