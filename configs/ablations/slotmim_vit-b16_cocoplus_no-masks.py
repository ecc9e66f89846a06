"""Ablation: the student sees all of both views, so that there is no loss within views."""

_base_ = "../slotmim_vit-b16_cocoplus.py"

model = dict(within_view_weight=0.0)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="slotcon_mm.LoadImage"),
            dict(type="slotcon_mm.PairedViews", size=224),  # the base's numbers are its defaults
        ]
    )
)
