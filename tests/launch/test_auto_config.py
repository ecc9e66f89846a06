"""What a config's auto becomes when a run begins, is resumed, starts from weights, or is tested."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.config import Config
from runs import CONFIGS, build_run, interrupted_at, log_of, pretraining_options, train, training_arguments

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.datasets import image_lists
from slotcon_mm.launch import auto_config
from slotcon_mm.launch.machine import device
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start
from slotcon_mm.launch.training import Start, prepare_training

FOLDER = "slotcon_r50_folder.py"
AUTO = ("model.neck.num_prototypes", "train_dataloader.batch_size", "train_cfg.max_epochs")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """1,234 files, of which nothing but the names is read."""
    for number in range(1_234):
        (tmp_path / "images" / str(number % 10)).mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / str(number % 10) / f"{number}.jpg").touch()
    return tmp_path / "images"


def start(images: Path, *options: str, config: str | Path = FOLDER, arguments: tuple[str, ...] = ()) -> Start:
    given = [f"train_dataloader.dataset.data_root={images}", *options]
    work_dir = str(images.parent / "work")
    return prepare_training(
        training_arguments(CONFIGS / config, "--work-dir", work_dir, *arguments, "--cfg-options", *given)
    )


def numbers(config: Config) -> tuple[Any, Any, Any]:
    return config.model.neck.num_prototypes, config.train_cfg.max_epochs, config.train_dataloader.batch_size


@pytest.fixture(scope="module")
def small_folder(scenes, tmp_path_factory) -> Path:
    """The quickstart's network in a config that leaves the numbers open, on 16 images."""
    options = {key: value for key, value in pretraining_options(scenes).items() if key not in AUTO}
    config = Config.fromfile(CONFIGS / "slotcon_r18_quickstart.py")
    config.merge_from_dict({**options, **dict.fromkeys(AUTO, "auto")})
    path = tmp_path_factory.mktemp("config") / "small_folder.py"
    config.dump(path)
    return path


# A new run ------------------------------------------------------------------------------------------------------------


def test_a_new_run_says_each_choice_with_its_reason_and_how_to_choose_otherwise(images):
    begun = start(images)
    assert numbers(begun.config) == (32, 2_800, 16)
    said = [note for note in begun.notes if "otherwise" in note]
    assert said == [
        "1,234 images: 32 prototypes, between 32 for 1,000 images and 96 for 10,000 "
        "(otherwise: --cfg-options model.neck.num_prototypes=N)",
        "1,234 images: batches of 16, where 102 a step would be usual (between 96 for 1,000 images and 192 for "
        "10,000): a CPU is given at most 16 "
        "(otherwise: --cfg-options train_dataloader.batch_size=N)",
        "1,234 images: 2,800 epochs, between 3,000 for 1,000 images and 1,500 for 10,000 "
        "(otherwise: --cfg-options train_cfg.max_epochs=N)",
        "learning rate 0.0625 = 2 x 16 / 512: it follows the images of a step "
        "(otherwise: --cfg-options optim_wrapper.optimizer.lr=LR, for 512)",
    ]
    assert begun.config.param_scheduler.warmup < begun.config.train_cfg.max_epochs


def test_a_training_from_weights_is_a_tenth_as_long(images):
    begun = start(images, config="adapt/slotcon_r50_folder.py")
    assert numbers(begun.config) == (32, 280, 16)
    assert (
        "1,234 images: 280 epochs, a tenth of the 2,800 of a training from random weights, between 3,000 for 1,000 "
        "images and 1,500 for 10,000 (otherwise: --cfg-options train_cfg.max_epochs=N)"
    ) in begun.notes


def test_what_a_run_begins_with_takes_a_quarter_of_the_chosen_length(images, monkeypatch):
    monkeypatch.setattr(auto_config, "count_images", lambda config: 1_000_000)
    begun = start(images, config="adapt/slotmim_vit-s16_folder.py")
    epochs = begun.config.train_cfg.max_epochs
    assert epochs < 200  # of which 50 would be a quarter
    assert begun.config.model.temperature_epochs == epochs // 4
    assert (
        f"model.temperature_epochs={epochs // 4}, a quarter of the epochs (otherwise: --cfg-options KEY=N)"
    ) in begun.notes
    begun = start(images, "model.temperature_epochs=40", config="adapt/slotmim_vit-s16_folder.py")
    assert begun.config.model.temperature_epochs == 40


def test_a_number_on_the_command_line_holds_and_is_not_spoken_of(images):
    begun = start(images, "model.neck.num_prototypes=100", "train_dataloader.batch_size=24")
    assert numbers(begun.config) == (100, 2_800, 24)
    assert [note.partition(",")[0] for note in begun.notes if "otherwise" in note] == ["1"]  # of 1,234: the epochs


def test_nothing_is_counted_where_every_number_is_given(images, monkeypatch):
    monkeypatch.setattr(auto_config, "count_images", None)
    options = [f"{key}={number}" for key, number in zip(AUTO, (48, 8, 9), strict=True)]
    assert numbers(start(images, *options).config) == (48, 9, 8)


def test_any_pretraining_config_takes_auto(images):
    begun = start(
        images, "train_dataloader.dataset.folders=['']", *(f"{key}=auto" for key in AUTO), config="slotcon_r50_coco.py"
    )
    assert numbers(begun.config) == (32, 2_800, 16)


def test_indices_and_lists_of_images_count(images):
    assert start(images, "train_dataloader.dataset.indices=10").config.train_dataloader.batch_size == 8
    (images / "some.txt").write_text("0/0.jpg\n1/1.jpg\n2/2.jpg\n")
    begun = start(images, "train_dataloader.dataset.ann_file=some.txt")
    assert begun.config.train_dataloader.batch_size == 3
    assert "3 images: 32 prototypes, as for 1,000 images " in begun.notes[0]


def test_processes_and_micro_batches_share_a_step(images, monkeypatch):
    monkeypatch.setattr(auto_config, "number_of_processes", lambda launcher: 4)
    begun = start(images, "optim_wrapper.accumulative_counts=2")
    assert begun.config.train_dataloader.batch_size == 8 * 2  # what a process reads for a step
    notes = "\n".join(begun.notes)
    assert "batches of 8 on each of 4 processes, 2 times a step, between 96" in notes
    assert "learning rate 0.25 = 2 x 64 / 512" in notes


def test_a_gpu_is_given_what_its_memory_holds_in_the_precision_of_the_run(images, monkeypatch):
    monkeypatch.setattr(auto_config, "has_accelerator", lambda: True)
    monkeypatch.setattr(auto_config, "memory_of_smallest_gpu", lambda: 7.8)
    assert start(images).config.train_dataloader.batch_size == 32
    begun = start(images, "optim_wrapper.type=OptimWrapper")
    assert begun.config.train_dataloader.batch_size == 16
    others = [
        "model.backbone.type=ConvNeXt",
        "model.backbone.arch=tiny",
        "train_dataloader.dataset.pipeline.1.size=112",
    ]
    begun = start(images, *others)
    assert begun.config.train_dataloader.batch_size == 96
    begun = start(images, *others[:2])
    assert "a guess for ConvNeXt-tiny and views of 224 x 224" in "\n".join(begun.notes)


def test_the_smallest_gpu_of_a_machine_counts_for_all_its_processes(monkeypatch):
    sizes = [24 * 2**30, 8 * 2**30]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(total_memory=sizes[index]))
    assert device.memory_of_smallest_gpu() == 8


def test_images_of_another_kind_of_dataset_are_not_counted(images):
    with pytest.raises(
        ValueError, match=r"slotcon_mm.UnlabeledImageDataset for the .*got CustomDataset: set model.neck"
    ):
        start(images, "train_dataloader.dataset.type=CustomDataset")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"expected a folder of images, got .*nowhere.*dataset.data_root=FOLDER"):
        start(tmp_path / "nowhere")


# Trained, resumed, started from ---------------------------------------------------------------------------------------


def test_folders_are_looked_through_once(scenes, small_folder, tmp_path, monkeypatch):
    walked = []
    find = image_lists.find_images
    monkeypatch.setattr(image_lists, "find_images", lambda folder: walked.append(folder) or find(folder))
    runner = build_run(small_folder, tmp_path)
    assert walked == [str(scenes / "train2017")]
    assert len(runner.train_dataloader.dataset) == 16


@pytest.fixture(scope="module")
def trained(small_folder, tmp_path_factory) -> Path:
    """The work dir of a run that was interrupted after the first of 3,000 epochs."""
    work_dir = tmp_path_factory.mktemp("trained")
    runner = build_run(small_folder, work_dir)
    assert (runner.max_epochs, runner.train_dataloader.batch_sampler.batch_size) == (3_000, 16)
    interrupted_at(runner, epoch=1)
    assert runner.iter == 1  # of 16 images
    return work_dir


def resumed(config: Path, work_dir: Path, options: dict[str, Any]) -> Start:
    args = training_arguments(config, "--work-dir", str(work_dir), "--resume")
    args.cfg_options = options
    return prepare_training(args)


def test_a_resumed_run_goes_on_with_its_own_numbers_though_there_are_more_images(
    small_folder, trained, images, monkeypatch
):
    monkeypatch.setattr(auto_config, "count_images", None)
    begun = resumed(small_folder, trained, {"train_dataloader.dataset.data_root": str(images)})
    assert numbers(begun.config) == (32, 3_000, 16)
    assert (
        "--resume: model.neck.num_prototypes=32, train_dataloader.batch_size=16, train_cfg.max_epochs=3000, as this "
        "run was begun with, however many images there are now"
    ) in begun.notes


def test_a_resumed_run_shares_its_batch_among_the_processes_that_there_are(small_folder, trained, monkeypatch):
    monkeypatch.setattr(auto_config, "number_of_processes", lambda launcher: 2)
    assert resumed(small_folder, trained, {}).config.train_dataloader.batch_size == 8


def test_a_resumed_run_takes_a_length_that_is_given(small_folder, trained, tmp_path):
    (tmp_path / "epoch_1.pth").write_bytes((trained / "epoch_1.pth").read_bytes())
    options = {"train_cfg.max_epochs": 2}
    runner = train(build_run(small_folder, tmp_path, options=options, resume="latest"))
    assert (runner.epoch, runner.iter) == (2, 2)
    assert "max_epochs is 2 instead of 3000" in log_of(tmp_path)


def test_a_checkpoint_that_does_not_tell_is_named_with_the_key(small_folder, tmp_path):
    content = dict(state_dict={"neck.prototypes": torch.ones(5, 2)}, meta={}, optimizer={}, message_hub={})
    torch.save(content, tmp_path / "epoch_1.pth")
    with pytest.raises(ValueError, match=r"epoch_1.pth to tell its train_dataloader.batch_size, which 'auto'.*=NUMBER"):
        resumed(small_folder, tmp_path, {})


def test_a_run_from_a_pretrainings_checkpoint_has_its_prototypes(small_folder, trained, tmp_path):
    checkpoint = torch.load(trained / "epoch_1.pth", weights_only=True)
    for name in ("neck.prototypes", "teacher.neck.prototypes", "group_head.center"):
        value = checkpoint["state_dict"][name]
        checkpoint["state_dict"][name] = value[:, :7] if "center" in name else value[:7]
    torch.save(checkpoint, tmp_path / "seven.pth")
    args = training_arguments(
        small_folder, "--work-dir", str(tmp_path / "work"), "--pretrained", str(tmp_path / "seven.pth")
    )
    begun = prepare_training(args)
    assert numbers(begun.config) == (7, 3_000, 16)
    assert f"7 prototypes, those of {tmp_path / 'seven.pth'}" in begun.notes
    check_start(build_runner(begun.config, begun.notes))


def test_weights_without_prototypes_leave_the_choice_to_the_images(small_folder, tmp_path):
    config = Config.fromfile(small_folder)
    torch.save(dict(state_dict={"conv1.weight": torch.ones(1)}), tmp_path / "backbone.pth")
    config.load_from = str(tmp_path / "backbone.pth")
    assert auto_config.keep_prototypes(config) == []
    assert config.model.neck.num_prototypes == "auto"


def test_processes_that_would_take_batches_of_different_sizes_do_not_start(small_folder, tmp_path, monkeypatch):
    runner = build_run(small_folder, tmp_path)
    monkeypatch.setattr(
        "slotcon_mm.engine.hooks.rank_agreement_hook.all_gather_object",
        lambda value: [value, "8"] if value == "16" else [value],
    )
    with pytest.raises(
        RunStoppedError, match=r"same number of images of a batch on all ranks, got rank 0: 16; rank 1: 8"
    ):
        check_start(runner)
