"""One forward and backward pass of a user's model, checked at the edge, seen by a capture."""

from __future__ import annotations

import platform
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.distributed as dist
from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.capture.capture import Capture
from bnverify.numerics.audit.capture.lean import LeanConvolutions
from bnverify.numerics.audit.capture.watching import differentiating
from bnverify.numerics.audit.layers import Family, Unit, shares_statistics
from bnverify.numerics.audit.restore import untouched
from bnverify.numerics.audit.table.reductions import first_order
from bnverify.numerics.audit.uncovered import NotCovered
from bnverify.numerics.measure.norms import SyncBatchNorm as ProjectSyncBatchNorm
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.rnn import PackedSequence

from bnverify.base.errors import InputError

LossFn = Callable[..., Tensor]


def unwrap(model: nn.Module) -> nn.Module:
    """The module inside DataParallel or DistributedDataParallel: an audit is each process's own."""
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return model.module
    return model


@contextmanager
def plain_errors() -> Iterator[None]:
    """Running out of memory, or of numbers to normalise, becomes one line with the way out."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(error) from None
    except ValueError as error:
        if "more than 1 value per channel" in str(error) or "more than 1 spatial element" in str(error):
            raise InputError(
                f"a normalisation layer sees a single number: {error}; use a larger batch, larger maps or fewer groups"
            ) from None
        raise
    except RuntimeError as error:
        if "allocate memory" in str(error) or "out of memory" in str(error):
            raise _out_of_memory(error) from None
        raise


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Attention in elementary operations, since its fused kernels have no second derivative; lean convolutions.

    Raises:
        InputError: another operation of the model has none.
    """
    try:
        with sdpa_kernel(SDPBackend.MATH), LeanConvolutions(), warnings.catch_warnings():
            # A re-entrant checkpoint says so before it is refused, since the parameters are constants here.
            warnings.filterwarnings("ignore", message="None of the inputs have requires_grad")
            yield
    except RuntimeError as error:
        found = re.search(r"derivative for (\S+) is not implemented", str(error))
        if found is None:
            raise
        raise InputError(
            f"the model uses {found[1]}, which has no second derivative in PyTorch; leave out the second order, or "
            "build the model without it"
        ) from None


def about_dtypes(error: Exception) -> bool:
    """Whether PyTorch refused to mix a float64 tensor with one of another dtype."""
    words = str(error).lower().replace("scalar type", "dtype").replace("data type", "dtype")
    wide = any(word in words for word in ("double", "float64"))
    return wide or ("dtype" in words and "float" in words)


def _out_of_memory(error: BaseException) -> InputError:
    first = (str(error).strip() or "no memory left").splitlines()[0]
    return InputError(
        f"out of memory ({first}); use a smaller --batch-size, fewer --layers, --dtype model, or first order only"
    )


def blame(model: nn.Module, inputs: Any, targets: Any, others: Sequence[nn.Module] = ()) -> str:
    """Which parameter, buffer, input or target is NaN or infinite, for a loss or a gradient that is; "" if none."""
    every = [item for module in (model, *others) for item in module.named_parameters()]
    buffers = [item for module in (model, *others) for item in module.named_buffers()]
    for what, tensors in (
        ("parameter", every),
        ("input", _tensors(inputs, "inputs")),
        ("target", _tensors(targets, "targets")),
        ("buffer", buffers),
    ):
        for name, tensor in tensors:
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor.detach()).all()):
                bad = int((~torch.isfinite(tensor.detach())).sum())
                return f"; {what} {name} holds {bad} values that are NaN or infinite of {tensor.numel()}"
    return ""


def _tensors(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _tensors(item, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _tensors(item, f"{name}[{index}]")


def fresh(value: Any, device: torch.device | None = None, dtype: torch.dtype | None = None) -> Any:
    """Copies of all tensors in a nest of tuples, lists and dicts, moved and (floats only) cast where asked."""
    if isinstance(value, Tensor):
        cast = dtype if dtype is not None and value.is_floating_point() else value.dtype
        copy = value.detach().to(device=device or value.device, dtype=cast, copy=True)
        return copy.requires_grad_(value.requires_grad)
    if isinstance(value, Mapping):
        return {key: fresh(item, device, dtype) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(fresh(item, device, dtype) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(fresh(item, device, dtype) for item in value)
    if (
        not isinstance(value, nn.Module)
        and callable(getattr(value, "clone", None))
        and hasattr(value, "apply")
    ):
        # A graph of PyTorch Geometric.
        return value.clone().apply(lambda tensor: fresh(tensor, device, dtype))
    return value


def run(model: nn.Module, inputs: Any) -> Any:
    """model(*inputs), model(**inputs) or model(inputs), by the type of ``inputs``."""
    if isinstance(inputs, Mapping):
        return model(**inputs)
    if isinstance(inputs, list | tuple) and not isinstance(inputs, PackedSequence):
        return model(*inputs)
    return model(inputs)


def loss_of(model: nn.Module, loss_fn: LossFn | None, inputs: Any, targets: Any) -> Tensor:
    """loss_fn(outputs, targets), loss_fn(outputs) where ``targets`` is None, or the outputs' own ``loss``.

    Raises:
        InputError: the loss is not one finite number.
    """
    outputs = run(model, fresh(inputs))
    if loss_fn is None:
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else getattr(outputs, "loss", None)
        if loss is None:
            raise InputError(
                f"the model's output ({type(outputs).__name__}) has no loss; give a loss_fn, or put labels into the "
                "batch"
            )
    else:
        loss = loss_fn(outputs) if targets is None else loss_fn(outputs, fresh(targets))
    if not isinstance(loss, Tensor) or loss.numel() != 1 or loss.dim() > 1:
        what = (
            f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"{type(loss).__name__}"
        )
        raise InputError(f"the loss is {what}; expected one number: take its mean or sum")
    if not loss.is_floating_point():
        raise InputError(f"the loss has dtype {loss.dtype}; expected a floating point number")
    if not bool(torch.isfinite(loss.detach()).all()):
        raise InputError(
            f"the loss is {float(loss.detach())}; an audit needs a finite one"
            f"{blame(model, inputs, targets) or ': check the data and the scale'}"
        )
    return loss.reshape(())


@contextmanager
def setting(
    model: nn.Module, mode: str | None, twice: bool = False, others: Sequence[nn.Module] = ()
) -> Iterator[nn.Module]:
    """The model untouched, in the mode asked for, with gradients on.

    Where the model as a whole already is in that mode, single layers that were set otherwise stay so. PyTorch's own
    SyncBatchNorm has no second derivative and no CPU kernel; where either is needed (``twice``: second derivatives),
    it computes the same by differentiable sums over the processes. With ``twice`` the parameters are constants.
    ``others``: modules that the loss holds, left untouched as well; their mode stays theirs.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(untouched(model, *others))
        if mode is not None and model.training != (mode == "train"):
            for module in model.modules():
                module.training = mode == "train"
        if twice:
            for parameter in (p for module in (model, *others) for p in module.parameters()):
                parameter.requires_grad_(False)
        for module in model.modules():
            if isinstance(module, nn.SyncBatchNorm) and shares_statistics(module.process_group):
                on_cpu = next(module.parameters(), torch.empty(0)).device.type == "cpu"
                if twice or on_cpu:
                    module.__dict__["forward"] = _composed(module)
        yield model


def _composed(module: nn.SyncBatchNorm) -> Callable[[Tensor], Tensor]:
    mean, var = module.running_mean, module.running_var
    twin = ProjectSyncBatchNorm(module.num_features, module.eps, group=module.process_group)
    twin.weight, twin.bias = module.weight, module.bias
    twin.training = module.training or mean is None

    def forward(y: Tensor) -> Tensor:
        throwaway = y.new_zeros(module.num_features)
        twin.running_mean = throwaway if twin.training or mean is None else mean
        twin.running_var = throwaway.clone() if twin.training or var is None else var
        z: Tensor = twin(y)
        return z

    return forward


def first_order_pass(
    model: nn.Module,
    loss_fn: LossFn | None,
    inputs: Any,
    targets: Any,
    capture: Capture,
    mode: str | None,
    others: Sequence[nn.Module] = (),
) -> tuple[float, tuple[NotCovered, ...]]:
    """Forward and backward once; what the capture's layers measured is in its calls afterwards.

    Differentiates with respect to the capture's anchor alone, so that no parameter gradient is computed but those
    of the captured layers.
    """
    with setting(model, mode, others=others), capture.attached():
        loss = loss_of(model, loss_fn, inputs, targets)
        capture.recording = False
        _require_graph(loss)
        shared = shared_loss(loss, capture.calls)
        if not capture.unseen and capture.anchor:
            with differentiating():
                torch.autograd.grad(shared, list(capture.anchor.values()), allow_unused=True)
        elif capture.unseen:
            # A re-entrant checkpoint only knows loss.backward(); the parameters are clones, so nothing is left behind.
            capture.recording = True
            with differentiating():
                shared.backward()
    return float(loss.detach()), _without_rows(capture)


def _require_graph(loss: Tensor) -> None:
    if not loss.requires_grad:
        raise InputError(
            "the loss does not depend on the model: it has no gradient; compute it from the model's output without "
            "detach(), .item(), no_grad() or argmax"
        )


def shared_loss(loss: Tensor, calls: list[Call]) -> Tensor:
    """The loss, averaged over the processes where a layer shares its statistics: what averaged gradients descend."""
    shared = next((call.spec for call in calls if call.spec is not None and call.spec.synchronised), None)
    return loss if shared is None else loss / dist.get_world_size(shared.process_group)


def measure(call: Call, y: Tensor, g: Tensor, v: Tensor, brief: bool = False) -> None:
    """Store the first-order scalars of a call; brief: as in `first_order`."""
    assert call.spec is not None
    call.measured.update(first_order(call.spec, y, g, v, call.summed if call.parameters else None, brief))


def _without_rows(capture: Capture) -> tuple[NotCovered, ...]:
    called = {call.name for call in (*capture.calls, *capture.unseen)}
    done = {call.name for call in capture.finished()}
    found = []
    for name, (_, kind) in capture.layers.items():
        if name not in called:
            found.append(NotCovered(name, kind.name, "was not called in the forward pass"))
        elif name not in done:
            found.append(NotCovered(name, kind.name, "the loss does not depend on its output"))
    return tuple(found)


def require_batch(call: Call) -> None:
    """Raises InputError where a layer normalises a single number."""
    spec = call.spec
    if spec is None or spec.family is Family.FIXED:
        return
    if spec.size < 2 and not spec.synchronised:
        raise InputError(
            f"layer {call.name} ({call.kind.name}) normalises m = {spec.size} number per {spec.unit}; expected at "
            f"least 2: {_MORE[spec.unit]}"
        )


_MORE = {
    Unit.CHANNEL: "use a larger batch (--batch-size), or --mode eval",
    Unit.SAMPLE_CHANNEL: "it takes larger maps; neither a larger batch nor --mode eval helps",
    Unit.SAMPLE_GROUP: "it takes fewer groups or larger maps; neither a larger batch nor --mode eval helps",
    Unit.POSITION: "it takes more features; neither a larger batch nor --mode eval helps",
}


def numbered(calls: list[Call]) -> list[tuple[str, int]]:
    """(layer, how many calls of it came before) of every call."""
    seen: dict[str, int] = {}
    keys = []
    for call in calls:
        keys.append((call.name, seen.get(call.name, 0)))
        seen[call.name] = keys[-1][1] + 1
    return keys


def environment(model: nn.Module) -> dict[str, Any]:
    """Versions, device, dtype, size of the model, and which process of how many this is."""
    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    together = dist.is_available() and dist.is_initialized()
    return {
        "model": type(model).__name__,
        "parameters": sum(p.numel() for p in model.parameters()),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": "cpu" if first is None else str(first.device),
        "dtype": "" if first is None else str(first.dtype).removeprefix("torch."),
        "rank": dist.get_rank() if together else 0,
        "processes": dist.get_world_size() if together else 1,
        "note": _whose_batch(dist.get_world_size() if together else 1),
    }


def _whose_batch(processes: int) -> str:
    if processes == 1:
        return ""
    return "m is this process's own batch, except in layers marked synchronised, whose rows are those of all processes"


def batch_of(inputs: Any) -> list[list[int]]:
    """The shapes of the input tensors."""
    return [list(tensor.shape) for _, tensor in _tensors(inputs, "")]
