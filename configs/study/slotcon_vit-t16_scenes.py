"""SlotCon with SlotMIM's backbone and optimizer, under the study's budget."""

_base_ = "./slotmim_vit-t16_scenes_no-masks.py"

model = dict(
    _delete_=True,
    type="slotcon_mm.SlotCon",
    backbone=dict(
        type="slotcon_mm.MaskedVisionTransformer",
        arch=dict(embed_dims=96, num_layers=6, num_heads=3, feedforward_channels=384),
        img_size=128,
        patch_size=16,
        out_type="featmap",
    ),
    neck=dict(type="slotcon_mm.GroupingNeck", in_channels=96, hidden_channels=256, out_channels=128, num_prototypes=64),
    group_head=dict(type="slotcon_mm.GroupLossHead", teacher_temperature=0.06),
    slot_head=dict(type="slotcon_mm.SlotLossHead", hidden_channels=256),
    teacher_momentum=0.95,
)
custom_hooks = [
    dict(type="slotcon_mm.SampleSeedHook"),
    dict(type="slotcon_mm.StepSeedHook"),
    dict(type="slotcon_mm.FiniteGuardHook"),
    dict(type="slotcon_mm.TeacherStepsHook"),
    dict(type="slotcon_mm.ThroughputHook"),
    dict(type="slotcon_mm.CollapseMonitorHook", interval=1),
]
