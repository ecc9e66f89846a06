"""What a config says that differs from the config in a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["Change", "changes_between"]

# what decides a run's result; paths of images are compared as lists, length and batch as facts of the run
ROOTS = ("model", "optim_wrapper", "param_scheduler", "auto_scale_lr", "train_dataloader", "custom_hooks")
# hooks that watch, save, draw seeds or act once at the start; any other, also a user's, is taken to change weights
WATCHING = tuple(
    f"slotcon_mm.{name}Hook"
    for name in (
        "BlockingFiniteGuard", "CollapseMonitor", "DeviceScalars", "FiniteGuard", "GroupVisualization",
        "InterimCheckpoint", "PixelClusters", "PrototypeStart", "RankAgreement", "SampleSeed", "StartGuard", "StepSeed",
        "TeacherSteps", "Throughput", "UnreadableImages",
    )
)  # fmt: skip
IGNORED = {
    "train_dataloader": (
        "batch_size", "batch_sampler", "collate_fn", "drop_last", "num_workers", "persistent_workers", "pin_memory",
        "prefetch_factor", "timeout", "multiprocessing_context", "data_root", "ann_file", "folders", "data_prefix",
        "unreadable", "max_unreadable", "max_refetch", "lazy_init", "serialize_data",
    ),
    "model": ("init_cfg", "channels_last", "views_in_one_pass", "with_cp", "pretrained"),
    "custom_hooks": WATCHING,
}  # fmt: skip
UNSET = "not set"


class Change(NamedTuple):
    """A number or name at ``path`` of a config, in the checkpoint and now."""

    path: str
    then: Any
    now: Any

    def describe(self) -> str:
        return f"{self.path} is {self.now!r} now and {self.then!r} in the checkpoint"

    def is_of_optimizer(self) -> bool:
        """Whether the optimizer's or the schedule's saved state holds it, too."""
        return self.path.startswith(("optim_wrapper", "param_scheduler", "auto_scale_lr"))


def changes_between(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Of two configs, as ``read_plain_config`` reads them, what decides a run's result; in the order of ``now``."""
    found = []
    then, now = ({**config, "custom_hooks": by_type(config.get("custom_hooks") or ())} for config in (then, now))
    for root in ROOTS:
        old, new = (dict(leaves(config.get(root), root, IGNORED.get(root, ()))) for config in (then, now))
        for path in [*new, *(path for path in old if path not in new)]:
            pair = old.get(path, UNSET), new.get(path, UNSET)
            if pair[0] != pair[1]:
                found.append(Change(path, *pair))
    return found


def by_type(hooks: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Their places in the list say nothing."""
    return {hook["type"]: hook for hook in hooks}


def leaves(node: Any, path: str, ignored: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Dotted paths of values; a list of plain values is one value."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key not in ignored:
                yield from leaves(value, f"{path}.{key}", ignored)
    elif isinstance(node, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in node):
        for index, item in enumerate(node):
            yield from leaves(item, f"{path}.{index}", ignored)
    elif node is not None:
        yield path, list(node) if isinstance(node, tuple) else node
