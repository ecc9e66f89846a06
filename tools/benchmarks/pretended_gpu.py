"""A CUDA device that is only pretended: a program runs on it with shapes, types and devices, but without values.

torch's FakeTensorMode is what pretends. Here, what the host does with its own tensors is done for real (a batch's draws
have values), what lies between host and device is looked at, and what no device would do is refused:

- an operation on tensors of the host and the device;
- an operation on types that its kernel does not take together;
- a read of a value, for which the host would wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from unittest import mock

import mmengine.device.utils
import torch
from python_backward import backward
from torch import Tensor
from torch import distributed as dist
from torch._C._distributed_c10d import FakeWork
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["MixedError", "Operation", "WaitError", "is_view", "pretended_gpu", "tensors_of"]

aten, c10d = torch.ops.aten, torch.ops.c10d


class MixedError(RuntimeError):
    """Tensors that a device does not take together."""


class WaitError(RuntimeError):
    """The host would wait for the device."""


class Operation(NamedTuple):
    """One call that reached the device."""

    function: Any
    arguments: Sequence[Any]
    result: Any
    copied: str | None = None  # of a copy from the host: whether its memory was "pinned" or "pageable"


@contextmanager
def pretended_gpu(ranks: int, seen: Callable[[Operation], None]) -> Iterator[None]:
    """In this block there is a CUDA device, the first of as many ``ranks``; ``seen`` is told what is done on it."""
    with ExitStack() as stack:
        for owner, name, value in (
            (fake_tensor, "init_gpu_context", lambda device: None),
            (torch.cuda, "is_available", lambda: True),
            (torch.cuda, "current_device", lambda: 0),
            (torch.cuda, "device_count", lambda: 1),
            (torch.cuda, "is_bf16_supported", lambda *_, **__: True),
            (torch.cuda, "Event", Event),
            (mmengine.device.utils, "DEVICE", "cuda"),
            (torch.Tensor, "backward", backward),
            (dist, "get_backend", lambda group=None: "nccl"),  # MMEngine moves tensors to where the backend wants them
        ):
            stack.enter_context(mock.patch.object(owner, name, value))
        if ranks > 1:
            dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=ranks, timeout=timedelta(seconds=60))
            stack.callback(dist.destroy_process_group)
        stack.enter_context(CPUBuild(allow_non_fake_inputs=True))
        stack.enter_context(PretendedGPU(seen))
        yield


class CPUBuild(FakeTensorMode):
    """Does not ask for a real device, also when ``torch.cuda.is_available`` pretends."""

    avoid_device_init = True


class Event:
    """A CUDA event whose work is always done."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def record(self, stream: Any = None) -> None:
        pass

    def synchronize(self) -> None:
        pass

    def query(self) -> bool:
        return True


class PretendedGPU(TorchDispatchMode):
    def __init__(self, seen: Callable[[Operation], None]) -> None:
        super().__init__()
        self.seen = seen
        self.pinned: dict[int, Any] = {}  # storages by address; they are kept, so that no other gets the address

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.prim.device.default:
            return func(*args)
        tensors = tensors_of((args, kwargs))
        on_device = any(isinstance(t, FakeTensor) for t in tensors)
        if not on_device and torch.device(kwargs.get("device") or "cpu").type == "cpu":
            return self._on_host(func, args, kwargs)
        copied = None
        if func in (aten._to_copy.default, aten.copy_.default):
            source = args[-1] if func is aten._to_copy.default else args[1]
            if not isinstance(source, FakeTensor):
                copied = self._memory_of(source, kwargs.get("dtype"))
            elif func is aten.copy_.default and not isinstance(args[0], FakeTensor):
                return self._to_host(func, args, kwargs)
            elif torch.device(kwargs.get("device") or "cuda").type == "cpu":
                raise WaitError(f"a copy of {tuple(source.shape)} to the host, which waits for it")
        elif not all(isinstance(t, FakeTensor) for t in tensors):
            raise MixedError(f"{func} was given tensors of the host and of the device: {described(tensors)}")
        expect_types(func, tensors)
        result = self._run(func, args, kwargs)
        self.seen(Operation(func, args, result, copied))
        return result

    def _run(self, func: Any, args: Any, kwargs: Any) -> Any:
        if func.namespace == "c10d":
            work = FakeWork().boxed()
            return (args[0], work) if len(func._schema.returns) == 2 else work
        if func in SHAPES:
            return SHAPES[func](*args, **kwargs)
        return func(*args, **kwargs)

    def _on_host(self, func: Any, args: Any, kwargs: Any) -> Any:
        with unset_fake_temporarily():
            if func is aten.is_pinned.default:
                return address(args[0]) in self.pinned
            if func is aten._pin_memory.default:
                return self._pin(args[0].clone(memory_format=torch.preserve_format))
            pin = kwargs.pop("pin_memory", False)
            result = func(*args, **kwargs)
            return self._pin(result) if pin else result

    def _pin(self, tensor: Tensor) -> Tensor:
        self.pinned[address(tensor)] = tensor.untyped_storage()
        return tensor

    def _memory_of(self, source: Tensor, dtype: torch.dtype | None) -> str:
        """Of the tensor that is sent: what has gaps or changes its type is made anew before."""
        sent_as_it_is = source.is_contiguous() and dtype in (None, source.dtype)
        return "pinned" if sent_as_it_is and address(source) in self.pinned else "pageable"

    def _to_host(self, func: Any, args: Any, kwargs: Any) -> Any:
        target, source = args[:2]
        if address(target) not in self.pinned or not (args[2:3] or (kwargs.get("non_blocking"),))[0]:
            raise WaitError(f"a copy of {tuple(source.shape)} to the host, which waits for it")
        self.seen(Operation(func, args, target, "to the host"))
        with unset_fake_temporarily():
            return target.fill_(1)  # flags that all is well


def address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def tensors_of(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def is_view(func: Any) -> bool:
    """Whether all results are views of an argument, so that nothing is computed."""
    returns = func._schema.returns
    return bool(returns) and all(r.alias_info is not None and not r.alias_info.is_write for r in returns)


def described(tensors: Sequence[Tensor]) -> list[str]:
    return [f"{t.dtype} {tuple(t.shape)} on {t.device}" for t in tensors]


# Types -----------------------------------------------------------------------------------------------------------
# Shapes are checked by torch, types only by the kernels of a device. Pointwise operations promote; these cast or have a
# rule of their own, that of SHAPES below for some
ANY_TYPES = {
    aten._to_copy.default,
    aten.copy_.default,
    aten._foreach_copy_.default,
    aten.native_batch_norm.default,
    aten.native_batch_norm_backward.default,
    aten.cudnn_batch_norm.default,
    aten.cudnn_batch_norm_backward.default,
    aten._amp_foreach_non_finite_check_and_unscale_.default,
    aten._amp_update_scale_.default,
}
# promote as well
PROMOTING = {aten.cat.default, aten.stack.default}


def expect_types(func: Any, tensors: Sequence[Tensor]) -> None:
    """Floating tensors of one type, unless the operation promotes.

    Raises:
        MixedError: A device's kernel would refuse them.
    """
    if func in ANY_TYPES | PROMOTING or func in SHAPES or is_view(func) or torch.Tag.pointwise in func.tags:
        return
    if func.namespace == "c10d" or "_foreach_" in func.name():
        return
    found = {t.dtype for t in tensors if t.dtype.is_floating_point}
    if len(found) > 1:
        raise MixedError(f"{func} was given floating types that it does not take together: {described(tensors)}")


def expect_type(what: str, tensor: Tensor | None, *allowed: torch.dtype) -> None:
    if tensor is not None and tensor.dtype not in allowed:
        raise MixedError(f"expected {what} of {allowed}, got {tensor.dtype}")


# Kernels of which torch knows no shapes --------------------------------------------------------------------------
def sums_like(x: Tensor) -> Tensor:
    """(C,) in the type in which a device sums."""
    return x.new_empty(x.shape[1], dtype=torch.float64 if x.dtype == torch.float64 else torch.float32)


def batch_norm_stats(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    return sums_like(x), sums_like(x)


def batch_norm_gather_stats_with_counts(
    x: Tensor, mean: Tensor, inverse: Tensor, running_mean: Tensor | None, running_var: Tensor | None,
    momentum: float, eps: float, counts: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    wide = sums_like(x).dtype
    for name, value in dict(mean=mean, inverse=inverse, counts=counts).items():
        expect_type(name, value, wide)
        if not value.is_contiguous() and value.dim() > 1 and value.stride(-1) != 1:
            raise MixedError(f"expected dense {name}, got strides {value.stride()}")
    for running in (running_mean, running_var):
        expect_type("running statistics", running, wide)
    return sums_like(x), sums_like(x)


def batch_norm_elemt(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, inverse: Tensor, eps: float,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    wide = sums_like(x).dtype
    for name, value in dict(mean=mean, inverse=inverse).items():
        expect_type(name, value, wide)
    for name, given in dict(weight=weight, bias=bias).items():
        expect_type(name, given, wide, x.dtype)
    expect_type("out", out, x.dtype)
    return torch.empty_like(x) if out is None else out


def batch_norm_backward_reduce(
    gradient: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, weight: Tensor | None, *wanted: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    expect_type("gradient", gradient, x.dtype)
    like = sums_like(x) if weight is None else torch.empty_like(weight)
    return sums_like(x), sums_like(x), like, torch.empty_like(like)


def batch_norm_backward_elemt(
    gradient: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, weight: Tensor | None, sums: Tensor, products: Tensor,
    counts: Tensor,
) -> Tensor:  # fmt: skip
    wide = sums_like(x).dtype
    expect_type("gradient", gradient, x.dtype)
    expect_type("counts", counts, torch.int32)
    for name, value in dict(mean=mean, inverse=inverse, weight=weight, sums=sums, products=products).items():
        expect_type(name, value, wide)
    return torch.empty_like(x)


def fused_sgd(
    params: list[Tensor], gradients: list[Tensor], momenta: list[Tensor], *, lr: float | Tensor,
    found_inf: Tensor | None = None, grad_scale: Tensor | None = None, **options: Any,
) -> None:  # fmt: skip
    if len({(t.dtype, t.device) for t in (*params, *gradients, *momenta)}) > 1:
        raise MixedError("expected parameters, gradients and momenta of one type and device")
    for name, value in dict(lr=lr, found_inf=found_inf, grad_scale=grad_scale).items():
        if isinstance(value, Tensor):
            expect_type(name, value, torch.float32)


def fused_adamw(
    params: list[Tensor], gradients: list[Tensor], averages: list[Tensor], squares: list[Tensor], *rest: Any,
    found_inf: Tensor | None = None, grad_scale: Tensor | None = None, **options: Any,
) -> None:  # fmt: skip
    together = (params, gradients, averages, squares)
    if len({(t.dtype, t.device) for tensors in together for t in tensors}) > 1:
        raise MixedError("expected parameters, gradients and moments of one type and device")
    if any(len({t.stride() for t in alike}) > 1 for alike in zip(*together, strict=True)):
        raise MixedError("expected parameters, gradients and moments of one layout")
    for name, value in dict(found_inf=found_inf, grad_scale=grad_scale).items():
        expect_type(name, value, torch.float32)


SHAPES: dict[Any, Callable[..., Any]] = {
    aten.batch_norm_stats.default: batch_norm_stats,
    aten.batch_norm_gather_stats_with_counts.default: batch_norm_gather_stats_with_counts,
    aten.batch_norm_elemt.default: batch_norm_elemt,
    aten.batch_norm_elemt.out: batch_norm_elemt,
    aten.batch_norm_backward_reduce.default: batch_norm_backward_reduce,
    aten.batch_norm_backward_elemt.default: batch_norm_backward_elemt,
    aten._fused_sgd_.default: fused_sgd,
    aten._fused_sgd_.tensor_lr: fused_sgd,
    aten._fused_adamw_.default: fused_adamw,
}
