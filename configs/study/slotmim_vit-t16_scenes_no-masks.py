"""Ablation: the student sees all of both views, so that there is no loss within views."""

_base_ = "./slotmim_vit-t16_scenes.py"

model = dict(within_view_weight=0.0)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="slotcon_mm.LoadImage"),
            dict(
                type="slotcon_mm.PairedViews",
                size=128,
                scale=(0.15, 1.0),
                jitter=(0.4, 0.4, 0.2, 0.3),
                gray_prob=0.3,
                blur_prob=(0.1, 0.1),
            ),
        ]
    )
)
