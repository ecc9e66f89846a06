"""Batch-norm statistics over many batches, once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.model import BaseModel
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset

from slotcon_mm.engine.hooks.final_precise_bn_hook import FinalPreciseBNHook, LoaderWithBatchSize


class Numbers(Dataset):
    """Batches of very different means, in a fixed order."""

    def __init__(self) -> None:
        self.values = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)) + torch.arange(12)[:, None]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.values[index]


class Normed(BaseModel):
    """Only its training forward passes the norm, as a detector's heads see sampled regions only there."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, inputs: torch.Tensor, mode: str = "tensor") -> dict[str, torch.Tensor]:
        assert mode == "loss"
        return dict(loss=self.norm(inputs).square().mean())


def collate(items: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    return dict(inputs=torch.stack(items))


def loader(batch_sampler: bool) -> DataLoader:
    data = Numbers()
    if batch_sampler:  # as mmdet's AspectRatioBatchSampler: the loader's own batch_size is None
        sampler = BatchSampler(DefaultSampler(data, shuffle=False), 4, drop_last=False)
        return DataLoader(data, batch_sampler=sampler, collate_fn=collate)
    return DataLoader(data, batch_size=4, collate_fn=collate)


def train(tmp_path, train_cfg: dict, num_samples: int, batch_sampler: bool = True) -> nn.BatchNorm1d:
    model = Normed()
    runner = Runner(
        model,
        str(tmp_path),
        train_dataloader=loader(batch_sampler),
        train_cfg=train_cfg,
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
        custom_hooks=[FinalPreciseBNHook(num_samples)],
        experiment_name=str(tmp_path),
        default_hooks=dict(checkpoint=dict(type="CheckpointHook", interval=-1, save_last=True)),
        log_level="WARNING",
    )
    runner.train()
    return model.norm


@pytest.mark.parametrize("batch_sampler", [True, False])
@pytest.mark.parametrize(
    "train_cfg",
    [
        dict(type="EpochBasedTrainLoop", max_epochs=2),
        dict(type="IterBasedTrainLoop", max_iters=3),  # of three batches: it goes on at the first
    ],
)
def test_statistics_end_as_the_mean_over_the_batches(tmp_path, train_cfg, batch_sampler):
    norm = train(tmp_path, train_cfg, num_samples=8, batch_sampler=batch_sampler)
    batches = Numbers().values.unflatten(0, (3, 4))[:2]  # 8 of 12
    torch.testing.assert_close(norm.running_mean, batches.mean(dim=1).mean(dim=0))
    torch.testing.assert_close(norm.running_var, batches.var(dim=1, unbiased=True).mean(dim=0))
    assert norm.momentum == 0.1


def test_one_batch_at_least_is_averaged(tmp_path):
    norm = train(tmp_path, dict(type="EpochBasedTrainLoop", max_epochs=1), num_samples=1)
    torch.testing.assert_close(norm.running_mean, Numbers().values[:4].mean(dim=0))


def test_a_loader_tells_its_batch_size_with_any_sampler():
    for batch_sampler in (True, False):
        batches = loader(batch_sampler)
        view = LoaderWithBatchSize(batches, batches)
        assert (view.batch_size, len(view), len(list(view))) == (4, 3, 3)


def test_no_images_to_average_are_refused():
    with pytest.raises(ValueError, match="num_samples above 0"):
        FinalPreciseBNHook(num_samples=0)


def test_nothing_happens_before_the_last_epoch():
    epochs = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    hook = FinalPreciseBNHook()
    hook.update = lambda *arguments: pytest.fail("updated too early")
    hook.after_train_epoch(SimpleNamespace(train_loop=epochs, epoch=0, max_epochs=2))
    hook.after_train_iter(SimpleNamespace(train_loop=None, iter=0, max_iters=9), 0)
