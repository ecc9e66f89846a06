"""A whole training step of SlotMIM's reference, on tensors named as in the model's state dict."""

from __future__ import annotations

import torch
from reference import slotcon, slotmim, slotmim_vit
from torch import Tensor


class ReferenceSlotMIM:
    """Weights and state of a SlotMIM run in one process, stepped by the equations of ``reference.slotmim``.

    ``state`` is named as the model's; ``grads`` holds a step's gradients, neither clipped nor removed in frozen epochs,
    zero where no loss reaches a tensor. A loss that is switched off is 0, the others' weights stay.
    """

    def __init__(
        self,
        state: dict[str, Tensor],
        *,
        heads: int,
        total_steps: int,
        steps_per_epoch: int,
        temperature_epochs: int = 50,
        warmup_epochs: int = 10,
        frozen_epochs: int = 3,
        peak_lr: float = 1.5e-4 * 1024 / 256,
        patch_weight: float = 0.5,
        losses: tuple[str, ...] = ("cross", "within", "slot"),
    ) -> None:
        self.state = {name: value.detach().clone() for name, value in state.items()}
        self.heads, self.total_steps, self.steps_per_epoch = heads, total_steps, steps_per_epoch
        self.temperature_epochs, self.frozen_epochs = temperature_epochs, frozen_epochs
        self.warmup_steps, self.peak_lr = warmup_epochs * steps_per_epoch, peak_lr
        self.weights = {"cross": patch_weight, "within": patch_weight, "slot": 1 - patch_weight}
        self.used = losses
        self.trained = [n for n in self.state if not n.startswith("teacher.") and n != "group_head.center"]
        self.moments: dict[str, tuple[int, Tensor, Tensor]] = {}
        self.grads: dict[str, Tensor] = {}

    @property
    def steps(self) -> int:
        """How many have begun."""
        return int(self.state["teacher.steps"])

    def part(self, prefix: str) -> dict[str, Tensor]:
        return {name[len(prefix) :]: value for name, value in self.state.items() if name.startswith(prefix)}

    def group(self, view: Tensor, mask: Tensor | None, owner: str, temperature: float) -> tuple[Tensor, Tensor]:
        """Scores (B, K, H, W) and slots (B, K, D) of one view (B, 3, S, S)."""
        backbone, projector = self.part(f"{owner}backbone."), self.part(f"{owner}neck.projector.")
        patch = backbone["patch_embed.projection.weight"].shape[-1]
        height, width = view.shape[-2] // patch, view.shape[-1] // patch
        grids = []
        for b, image in enumerate(view):
            tokens = slotmim_vit.vit(image, backbone, self.heads, None if mask is None else mask[b].flatten())
            grids.append(slotmim.mlp(tokens, projector).T.unflatten(1, (height, width)))
        projected = torch.stack(grids)
        score = slotcon.scores(projected, self.state[f"{owner}neck.prototypes"])
        return score, slotcon.slots(projected, score, temperature, slotmim.EPS_ASSIGNMENT)

    def move_teacher(self) -> None:
        m = slotcon.momentum(self.steps, self.total_steps, base=0.996)
        for name in self.trained:
            if name.startswith(("backbone.", "neck.")):
                teacher = "teacher." + name
                self.state[teacher] = m * self.state[teacher] + (1 - m) * self.state[name].detach()
        self.state["teacher.steps"] = torch.tensor(self.steps + 1)

    def losses(self, views: list[Tensor], boxes: Tensor, flipped: Tensor, masks: list[Tensor]) -> dict[str, Tensor]:
        """All three, weighted, after the updates of teacher and center that belong to the step."""
        tau = slotmim.teacher_temperature(self.steps // self.steps_per_epoch, self.temperature_epochs)
        student = [self.group(view, mask, "", tau) for view, mask in zip(views, masks, strict=True)]
        self.move_teacher()
        with torch.no_grad():
            teacher = [self.group(view, None, "teacher.", tau) for view in views]
        s, t = [scores for scores, _ in student], [scores for scores, _ in teacher]

        center = self.state["group_head.center"][0]
        found = {"cross": slotmim.cross_view_loss(s, t, center, boxes, flipped, tau)}
        within = [slotmim.within_view_loss(s[v], t[v], center, masks[v], tau) for v in (0, 1)]
        found["within"] = (within[0] + within[1]) / 2
        self.state["group_head.center"] = slotcon.next_center(center, t)[None]
        found["slot"] = slotmim.slot_loss(student, teacher, self.part("slot_head.predictor."))
        return {n: self.weights[n] * loss * float(n in self.used) for n, loss in found.items()}

    def step(
        self, views: list[Tensor], boxes: Tensor, flipped: Tensor, masks: list[Tensor]
    ) -> tuple[float, float, float]:
        """The weighted cross-view, within-view and slot losses of one training step.

        ``views`` two of (B, 3, S, S); ``boxes`` (B, 2, 4) and ``flipped`` (B, 2) as in SlotCon; ``masks`` two of
        (B, H, W), booleans.
        """
        step = self.steps
        for name in self.trained:
            self.state[name] = self.state[name].detach().requires_grad_()
        found = self.losses(views, boxes, flipped, masks)
        tensors = [self.state[n] for n in self.trained]
        gradients = torch.autograd.grad(sum(found.values()), tensors, allow_unused=True)
        self.grads = {
            n: torch.zeros_like(t) if g is None else g for n, t, g in zip(self.trained, tensors, gradients, strict=True)
        }
        self.optimize(step)
        return found["cross"].item(), found["within"].item(), found["slot"].item()

    def optimize(self, step: int) -> None:
        frozen = {"neck.prototypes"} if step // self.steps_per_epoch < self.frozen_epochs else set()
        used = {n: slotmim.clipped(g) for n, g in self.grads.items() if n not in frozen}
        params = {n: self.state[n].detach() for n in self.trained}
        lr = slotmim.learning_rate(step, self.peak_lr, self.warmup_steps, self.total_steps)
        slotmim.adamw_step(params, used, self.moments, lr, slotmim.weight_decay(step, self.total_steps))
        self.state.update(params)
