"""Configs by the names of version 0.1.0."""

from __future__ import annotations

from slotcon_mm.checkpoints.old_names import with_new_names
from slotcon_mm.checkpoints.plain_config import read_plain_config

# as version 0.1.0 wrote it into its checkpoints
TRAINING = """
custom_hooks = [
    dict(type='slotcon_mm.SampleSeedHook'),
    dict(type='slotcon_mm.UnreadablePicturesHook'),
    dict(
        interval=10, num_pictures=6, pictures='x', type='slotcon_mm.GroupVisualizationHook'),
]
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        data_root='data/scenes',
        folders=[
            'train2017',
        ],
        pipeline=[
            dict(type='slotcon_mm.LoadPicture'),
            dict(
                grey_prob=0.3,
                scale=(
                    0.15,
                    1.0,
                ),
                size=64,
                type='slotcon_mm.PairedViews'),
        ],
        type='slotcon_mm.PictureFolder'))
"""


def test_every_name_of_a_training_is_todays():
    config = read_plain_config(TRAINING)
    assert config["custom_hooks"] == [
        dict(type="slotcon_mm.SampleSeedHook"),
        dict(type="slotcon_mm.UnreadableImagesHook"),
        dict(type="slotcon_mm.GroupVisualizationHook", interval=10, num_images=6, images="x"),
    ]
    assert config["train_dataloader"] == dict(
        batch_size=32,
        dataset=dict(
            type="slotcon_mm.UnlabeledImageDataset",
            data_root="data/scenes",
            folders=["train2017"],
            pipeline=[
                dict(type="slotcon_mm.LoadImage"),
                dict(type="slotcon_mm.PairedViews", gray_prob=0.3, scale=(0.15, 1.0), size=64),
            ],
        ),
    )


def test_a_dataset_of_label_maps_has_its_folders_in_one_prefix():
    old = dict(
        type="slotcon_mm.LabelledFolder", data_root="data", pictures="img", labels="maps", images="all",
        picture_suffix="_a", label_suffix="_b.png",
    )  # fmt: skip
    assert with_new_names(old) == dict(
        type="slotcon_mm.LabelMapDataset", data_root="data", data_prefix=dict(img_path="img", seg_map_path="maps"),
        subset="all", img_suffix="_a", seg_map_suffix="_b.png",
    )  # fmt: skip


def test_todays_names_stay_and_so_do_equal_names_of_other_types():
    config = dict(a=[dict(type="Other", pictures=3), dict(type=int)], b=dict(pictures=1, type="slotcon_mm.LoadImage"))
    assert with_new_names(config) == config
