"""Unsupervised semantic segmentation: groups of a whole dataset against its classes, as a MMEngine metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, broadcast_object_list, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger, print_log

from slotcon_mm.checks import listing
from slotcon_mm.datasets.label_sets import LabelSet, label_set_of
from slotcon_mm.evaluation.clustering import merge_prototypes, merge_rows
from slotcon_mm.evaluation.matching import confusion_matrix, match_majority, match_one_to_one, score_matched
from slotcon_mm.registry import METRICS

__all__ = ["CLUSTERS", "GroupMetric"]

CLUSTERS = ("auto", "one-to-one", "kmeans", "many-to-one", "identity")
MATCHINGS = {"many-to-one": match_majority, "identity": lambda confusion_GC: np.arange(len(confusion_GC))}


@METRICS.register_module()
class GroupMetric(BaseMetric):
    """mIoU and pixel accuracy of groups matched to classes, over all pixels of all images (PiCIE, STEGO).

    One confusion matrix (K prototypes, C classes) is gathered over the whole dataset and all processes; labels of 255
    do not count. mIoU is the mean over classes that occur. Parts for things and stuff are by class: IoUs of those
    classes, and the accuracy on pixels with those labels.

    Args:
        label_set: As ``LabelMapDataset`` takes it; None: the dataset's classes.
        clusters: How K prototypes become C groups. ``'one-to-one'``: Hungarian matching that keeps most pixels; pixels
            of prototypes that are left over are errors in both measures. ``'kmeans'``: prototypes are merged by k-means
            into C groups, which are matched one to one. ``'many-to-one'``: each prototype stands for the class most of
            its pixels have (it knows the labels: not comparable with the others). ``'identity'``: a group's number is
            its class (supervised). ``'auto'``: one-to-one where K = C, else kmeans.
        seed: Of k-means.
        prefix: Before the names of the results.

    Each data sample holds ``group_map`` and ``gt_sem_seg`` (H, W), and ``prototypes`` (K, D).
    """

    default_prefix = ""

    def __init__(
        self, label_set: str | Mapping[str, Any] | LabelSet | None = None, clusters: str = "auto", seed: int = 0,
        prefix: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(prefix=prefix)
        if clusters not in CLUSTERS:
            raise ValueError(f"expected clusters to be one of {', '.join(CLUSTERS)}, got {clusters}")
        self.label_set_name = label_set if isinstance(label_set, str) else None
        self.given = None if label_set is None else label_set_of(label_set)
        self.clusters, self.seed = clusters, seed
        self.reset()

    def reset(self) -> None:
        self.confusion_KC: np.ndarray | None = None
        self.prototypes_KD: np.ndarray | None = None
        self.images = 0
        self.sizes: set[tuple[int, ...]] = set()

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        for sample in data_samples:
            if self.prototypes_KD is None:
                self.prototypes_KD = torch.as_tensor(sample["prototypes"]).float().cpu().numpy()
            groups, labels = (torch.as_tensor(sample[name]).cpu().numpy() for name in ("group_map", "gt_sem_seg"))
            counts = confusion_matrix(groups, labels.reshape(groups.shape), len(self.prototypes_KD), self.num_classes)
            self.confusion_KC = counts if self.confusion_KC is None else self.confusion_KC + counts
            self.images += 1
            self.sizes.add(groups.shape)

    @property
    def label_set(self) -> LabelSet:
        """ValueError unless it is given here or by the dataset, and the same where it is given by both."""
        classes = (self.dataset_meta or {}).get("classes")
        if self.given is not None:
            if classes is not None and tuple(classes) != self.given.names:
                raise ValueError(
                    f"expected the classes of the dataset, {listing(classes)}, in GroupMetric, got "
                    f"{listing(self.given.names)}: leave its label_set out"
                )
            return self.given
        if classes is None:
            raise ValueError("expected GroupMetric(label_set=...), or a dataset that has one, got none")
        return label_set_of(dict(classes=classes, things=(self.dataset_meta or {}).get("things")))

    @property
    def num_classes(self) -> int:
        return len(self.label_set.names)

    def evaluate(self, size: int) -> dict[str, float]:
        """Results over all processes, in %; the same on each.

        Raises:
            ValueError: The sampler repeated images so that each process has as many.
        """
        confusion_KC, images = self.gather()
        if images != size:
            raise ValueError(
                f"expected each of the {size} images once, got {images}: a sampler that repeats some spoils the "
                "score; use sampler=dict(type='DefaultSampler', shuffle=False, round_up=False)"
            )
        # on one process: another may have seen no image, and so no prototypes
        shared = [self.compute_metrics([confusion_KC]) if is_main_process() else None]
        broadcast_object_list(shared)
        self.reset()
        return {f"{self.prefix}/{name}" if self.prefix else name: value for name, value in (shared[0] or {}).items()}

    def gather(self) -> tuple[np.ndarray, int]:
        """The confusion matrix and the number of images of all processes; one of them may have seen none."""
        rows = torch.tensor(0 if self.confusion_KC is None else len(self.confusion_KC))
        all_reduce(rows, "max")
        confusion = torch.zeros(int(rows), self.num_classes, dtype=torch.int64)
        if self.confusion_KC is not None:
            confusion += torch.from_numpy(self.confusion_KC)
        images = torch.tensor(self.images)
        all_reduce(confusion)
        all_reduce(images)
        return confusion.numpy(), int(images)

    def compute_metrics(self, results: list[np.ndarray]) -> dict[str, float]:
        """mIoU, pAcc and their thing and stuff parts, in %, of one confusion matrix (K, C)."""
        confusion_KC = results[0]
        how = self.clusters
        if how == "auto":
            how = "one-to-one" if len(confusion_KC) == self.num_classes else "kmeans"
        confusion_GC = self.merge(confusion_KC) if how == "kmeans" else confusion_KC
        scores = score_matched(confusion_GC, MATCHINGS.get(how, match_one_to_one)(confusion_GC))
        metrics = dict(mIoU=scores.mean_iou, pAcc=scores.pixel_accuracy)
        if self.label_set.things:
            is_thing = self.label_set.is_thing()
            for part, chosen in (("things", is_thing), ("stuff", ~is_thing)):
                metrics[f"mIoU_{part}"], metrics[f"pAcc_{part}"] = scores.of_classes(chosen)
        print_log(self.describe(len(confusion_KC), how), logger=MMLogger.get_current_instance())
        print_log(self.table(scores.class_iou), logger=MMLogger.get_current_instance())
        return {name: 100 * value for name, value in metrics.items()}

    def merge(self, confusion_KC: np.ndarray) -> np.ndarray:
        """(C, C): as many groups as classes."""
        assert self.prototypes_KD is not None
        merged_K = merge_prototypes(self.prototypes_KD, confusion_KC.sum(axis=1), self.num_classes, seed=self.seed)
        return merge_rows(confusion_KC, merged_K, self.num_classes)

    def describe(self, num_prototypes: int, how: str) -> str:
        """What the numbers stand for: every choice that moves them."""
        sizes = sorted(self.sizes)
        shape = f"{sizes[0][0]} x {sizes[0][1]}" if len(sizes) == 1 else f"{len(sizes)} different sizes"
        meta = self.dataset_meta or {}
        name = self.label_set_name or meta.get("label_set", "own classes")
        return (
            f"{name}: subset {meta.get('subset', 'as loaded')}, scored at {shape}, K = {num_prototypes} prototypes, "
            f"clusters {how} (seed {self.seed}), {self.num_classes} classes"
        )

    def table(self, class_iou: np.ndarray) -> str:
        return "IoU by class: " + ", ".join(
            f"{name} {100 * iou:.1f}" for name, iou in zip(self.label_set.names, class_iou, strict=True)
        )
