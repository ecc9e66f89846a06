"""A whole training step of the reference, on tensors named as in the model's state dict."""

from __future__ import annotations

import torch
from reference import slotcon
from torch import Tensor, nn
from torch.func import functional_call


class ReferenceRun:
    """Weights and state of a SlotCon run, stepped by the equations of ``reference.slotcon``.

    The backbone is an ``nn.Module`` used by name only: it is not part of the method.
    """

    def __init__(self, state: dict[str, Tensor], backbone: nn.Module, total_steps: int) -> None:
        self.state = {name: value.detach().clone() for name, value in state.items()}
        self.backbone = backbone
        self.total_steps = total_steps
        self.buffers: dict[str, Tensor] = {}
        self.grads: dict[str, Tensor] = {}
        parameters = {name for name, _ in backbone.named_parameters()}
        self.is_parameter = {
            name: not name.rpartition(".")[2].startswith(("running", "num_batches", "center", "steps"))
            and (not name.startswith("backbone.") or name[9:] in parameters)
            for name in self.state
        }
        self.trained = [n for n in self.state if self.is_parameter[n] and not n.startswith("teacher.")]

    def part(self, prefix: str) -> dict[str, Tensor]:
        return {name[len(prefix) :]: value for name, value in self.state.items() if name.startswith(prefix)}

    def group(self, view: Tensor, owner: str) -> tuple[Tensor, Tensor]:
        """Scores and slots of one view; the owner's BN statistics move."""
        backbone = self.part(f"{owner}backbone.")
        feature = functional_call(self.backbone, backbone, (view,))[-1]
        B, _, H, W = feature.shape
        projector = self.part(f"{owner}neck.projector.")
        rows = slotcon.mlp(feature.movedim(1, -1).flatten(0, 2), projector)
        for prefix, tensors in ((f"{owner}backbone.", backbone), (f"{owner}neck.projector.", projector)):
            moved = {prefix + n: t for n, t in tensors.items() if not self.is_parameter[(prefix + n)]}
            self.state.update(moved)
        projected = rows.view(B, H, W, -1).movedim(-1, 1)
        score = slotcon.scores(projected, self.state[f"{owner}neck.prototypes"])
        return score, slotcon.slots(projected, score)

    def losses(self, views: list[Tensor], boxes: Tensor, flipped: Tensor) -> tuple[Tensor, Tensor]:
        """Both losses with weight 0.5, after the updates of teacher, center and statistics that belong to the step."""
        step = int(self.state["teacher.steps"])
        m = slotcon.momentum(step, self.total_steps)
        for name in self.trained:
            if name.startswith(("backbone.", "neck.")):
                teacher = "teacher." + name
                self.state[teacher] = m * self.state[teacher] + (1 - m) * self.state[name].detach()
        self.state["teacher.steps"] = torch.tensor(step + 1)
        for name in self.trained:
            self.state[name] = self.state[name].detach().requires_grad_()

        student = [self.group(view, "") for view in views]
        with torch.no_grad():
            teacher = [self.group(view, "teacher.") for view in views]
        student_scores, teacher_scores = [s[0] for s in student], [t[0] for t in teacher]
        center = self.state["group_head.center"][0]
        loss_group = 0.5 * slotcon.group_loss(student_scores, teacher_scores, center, boxes, flipped)
        self.state["group_head.center"] = slotcon.next_center(center, teacher_scores)[None]
        predictor = self.part("slot_head.predictor.")
        loss_slot = 0.5 * slotcon.slot_loss(student, teacher, predictor)
        moved = {f"slot_head.predictor.{n}": t for n, t in predictor.items()}
        self.state.update({n: t for n, t in moved.items() if not self.is_parameter[n]})
        return loss_group, loss_slot

    def step(self, views: list[Tensor], boxes: Tensor, flipped: Tensor, lr: float) -> tuple[float, float]:
        loss_group, loss_slot = self.losses(views, boxes, flipped)
        tensors = [self.state[n] for n in self.trained]
        found = torch.autograd.grad(loss_group + loss_slot, tensors, allow_unused=True)
        self.grads = {
            n: torch.zeros_like(t) if g is None else g for n, t, g in zip(self.trained, tensors, found, strict=True)
        }
        with torch.no_grad():
            params = {n: self.state[n].detach() for n in self.trained}
            slotcon.lars_step(params, self.grads, self.buffers, lr)
        self.state.update(params)
        return loss_group.item(), loss_slot.item()
