"""The passes behind the findings: one forward and backward pass as the model trains, one forward pass in eval mode.

Everything happens on clones of the parameters and buffers; the model is left untouched to the bit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from bnverify.numerics.audit.findings.graph import POINTWISE, SUMMING, Feed, Graph, feed, trunk_points
from bnverify.numerics.audit.findings.watch import NormCall, Point, Watch, watching
from bnverify.numerics.audit.passes import LossFn, fresh, run, setting, twice_differentiable
from bnverify.numerics.audit.subject import Subject
from bnverify.numerics.audit.table.reductions import all_finite
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence


@dataclass(frozen=True)
class Weights:
    """Gradient norms of the map before a normalisation: of its bias and of its weight."""

    bias: float
    weight: float


@dataclass(frozen=True)
class Step:
    """One step of the optimizer from here: ``ratio`` = -d'Hd/d'g, for plain gradient descent lr g'Hg/g'g.

    Along the step d a quadratic loss falls only where the ratio is below 2. size: |d|/|theta|.
    """

    ratio: float
    size: float
    optimizer: str


@dataclass
class Profile:
    """What the rules look at.

    calls: of the audited mode. feeds, weights: of a call, by its place in ``calls``. closing: whether what follows
    a call is constant below 0. activated: whether an activation follows it. twice: calls whose derivative the loss
    contains. trunk: activations that every path passes. evaluated: the calls of an eval pass, where
    the model has running statistics. infinite: what is not finite, in words; "" where all is. refusal: the message
    of a normalisation that had too few numbers, and ``place`` where.
    """

    calls: list[NormCall] = field(default_factory=list)
    feeds: dict[int, Feed] = field(default_factory=dict)
    weights: dict[int, Weights] = field(default_factory=dict)
    closing: dict[int, bool] = field(default_factory=dict)
    activated: dict[int, bool] = field(default_factory=dict)
    trunk: list[Point] = field(default_factory=list)
    on_trunk: set[int] = field(default_factory=set)
    twice: set[int] = field(default_factory=set)
    trained: dict[int, bool] = field(default_factory=dict)
    evaluated: list[NormCall] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    training: bool = True
    optimized: bool = False
    dtype: torch.dtype | None = None
    loss: float = math.nan
    loss_eval: float = math.nan
    infinite: str = ""
    infinite_at: str = ""
    refusal: str = ""
    place: str = ""
    step: Step | None = None
    unseen: list[str] = field(default_factory=list)


def profile(
    model: nn.Module,
    loss_fn: LossFn | None,
    inputs: Any,
    targets: Any = None,
    mode: str | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    owner: nn.Module | None = None,
) -> Profile:
    """Run the model on the batch and keep what the rules need; never raises for what the numbers are.

    owner: whose parameters the optimizer holds, where the model is a copy of it.

    Raises:
        Exception: whatever the model or the loss raises, but for a normalisation that has a single number.
    """
    found = Profile(
        training=model.training if mode is None else mode == "train", optimized=optimizer is not None
    )
    parameter = next((p for p in model.parameters() if p.is_floating_point()), None)
    found.dtype = None if parameter is None else parameter.dtype
    found.inputs = [t.detach() for t in _tensors(inputs)]
    found.infinite, found.infinite_at = _infinite_parameter(model, found.inputs)
    names = {id(p): name for name, p in (owner or model).named_parameters()}
    others = Subject(model, loss_fn, inputs, targets).others
    with setting(model, mode, others=list(others.values())), watching(model, others) as watch:
        try:
            loss = _loss(model, loss_fn, inputs, targets)
        except ValueError as error:
            if "more than 1" not in str(error):
                raise
            found.refusal, found.place = str(error).splitlines()[0], watch.place
            found.calls = watch.calls
            return found
        watch.recording = False
        found.calls, found.loss = watch.calls, float(loss.detach())
        if loss.grad_fn is None:
            found.unseen.append("the loss does not depend on the model, so no gradient was looked at")
            return found
        graph = Graph.of(loss)
        for place, call in enumerate(watch.calls):
            link = feed(call, watch) if call.node_in is not None else None
            if link is not None:
                found.feeds[place] = link
            found.closing[place] = call.node is not None and graph.closing(call.node)
            found.activated[place] = call.node is not None and graph.closing(call.node, POINTWISE, SUMMING)
            if call.alias is not None and graph.twice(call.alias):
                found.twice.add(place)
        found.trunk = trunk_points(graph, watch)
        for point in found.trunk:
            point.follow()
        nodes = {id(point.norm) for point in found.trunk if point.norm is not None}
        found.on_trunk = {place for place, call in enumerate(watch.calls) if id(call) in nodes}
        del graph
        try:
            loss.backward()
        except RuntimeError as error:
            found.unseen.append(f"no gradient: {str(error).splitlines()[0]}")
            return found
        _after_backward(found, watch, model)
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        if optimizer is not None and not found.infinite:
            found.step = _step(model, loss_fn, inputs, targets, optimizer, names, gradients, found)
    if _keeps_statistics(found.calls, model):
        _evaluate(found, model, loss_fn, inputs, targets)
    return found


def _loss(model: nn.Module, loss_fn: LossFn | None, inputs: Any, targets: Any) -> Tensor:
    """The loss as in the audit, also where it is not finite."""
    outputs = run(model, fresh(inputs))
    if loss_fn is None:
        loss = outputs["loss"] if isinstance(outputs, Mapping) else outputs.loss
    else:
        loss = loss_fn(outputs) if targets is None else loss_fn(outputs, fresh(targets))
    return loss.reshape(()) if isinstance(loss, Tensor) else torch.as_tensor(loss)


def _after_backward(found: Profile, watch: Watch, model: nn.Module) -> None:
    for place, link in found.feeds.items():
        bias, weight = link.producer.bias, link.producer.weight
        if bias is not None and weight is not None and bias.grad is not None and weight.grad is not None:
            found.weights[place] = Weights(
                float(bias.grad.double().norm()), float(weight.grad.double().norm())
            )
    for place, call in enumerate(found.calls):
        found.trained[place] = call.weight is not None and call.weight.requires_grad
    bad = next(
        (n for n, p in model.named_parameters() if p.grad is not None and not all_finite(p.grad)),
        "",
    )
    if not found.infinite and (bad or not math.isfinite(found.loss)):
        first = next((c for c in found.calls if not c.finite), None)
        if watch.infinite or first is not None:
            name = watch.infinite or (first.name if first is not None else "")
            found.infinite, found.infinite_at = (
                f"the output of {name or 'the model'} is NaN or infinite",
                name,
            )
        elif not math.isfinite(found.loss):
            found.infinite, found.infinite_at = f"the loss is {found.loss}", ""
        else:
            found.infinite, found.infinite_at = (
                f"the gradient of {bad} is NaN or infinite",
                bad.rpartition(".")[0],
            )


def _infinite_parameter(model: nn.Module, inputs: list[Tensor]) -> tuple[str, str]:
    for name, p in model.named_parameters():
        if p.is_floating_point() and not all_finite(p.detach()):
            return f"the parameter {name} holds NaN or infinite values", name.rpartition(".")[0]
    for name, b in model.named_buffers():
        if name.endswith(("running_mean", "running_var")) and not bool(torch.isfinite(b).all()):
            return f"the buffer {name} holds NaN or infinite values", name.rpartition(".")[0]
    for t in inputs:
        if t.is_floating_point() and bool(torch.isnan(t).any()):
            return "the inputs hold NaN", ""
    return "", ""


def _tensors(value: Any) -> list[Tensor]:
    """Tensors whose first dimension may be the samples; that of a packed sequence is its words."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, PackedSequence):
        return []
    if isinstance(value, dict):
        return [t for item in value.values() for t in _tensors(item)]
    if isinstance(value, list | tuple):
        return [t for item in value for t in _tensors(item)]
    return []


def _keeps_statistics(calls: list[NormCall], model: nn.Module) -> bool:
    return any(
        getattr(module, "running_mean", None) is not None and getattr(module, "running_var", None) is not None
        for module in model.modules()
    )


def _evaluate(found: Profile, model: nn.Module, loss_fn: LossFn | None, inputs: Any, targets: Any) -> None:
    """The layers' own statistics where the model is used as in eval mode."""
    others = Subject(model, loss_fn, inputs, targets).others
    with setting(model, "eval", others=list(others.values())):
        for module in model.modules():
            module.training = False
        with watching(model, others) as watch, torch.no_grad():
            try:
                found.loss_eval = float(_loss(model, loss_fn, inputs, targets).detach())
            except Exception as error:
                found.unseen.append(f"no pass in eval mode: {type(error).__name__}")
        found.evaluated = watch.calls


def _step(
    model: nn.Module,
    loss_fn: LossFn | None,
    inputs: Any,
    targets: Any,
    optimizer: torch.optim.Optimizer,
    names: dict[int, str],
    gradients: dict[str, Tensor],
    found: Profile,
) -> Step | None:
    """The step the optimizer would take, and the curvature of the loss along it."""
    try:
        move = _move(optimizer, names, gradients)
    except Exception as error:
        found.unseen.append(f"the optimizer's step could not be tried ({type(error).__name__})")
        return None
    params = {name: p for name, p in model.named_parameters() if name in move and name in gradients}
    if not params:
        found.unseen.append("the optimizer does not hold this model's parameters")
        return None
    slope = sum(float((move[name] * gradients[name]).double().sum()) for name in params)
    size = math.sqrt(sum(float(move[name].double().square().sum()) for name in params))
    weight = math.sqrt(sum(float(p.detach().double().square().sum()) for p in params.values()))
    if slope >= 0 or size == 0:
        return None
    state = torch.get_rng_state()
    try:
        with twice_differentiable():
            loss = _loss(model, loss_fn, inputs, targets)
            first = torch.autograd.grad(loss, list(params.values()), create_graph=True, allow_unused=True)
            along = sum(
                (g * move[name]).sum() for g, name in zip(first, params, strict=True) if g is not None
            )
            second = torch.autograd.grad(along, list(params.values()), allow_unused=True)  # type: ignore[arg-type]
    except Exception as error:
        found.unseen.append(f"no curvature along the step ({type(error).__name__})")
        return None
    finally:
        torch.set_rng_state(state)
    bend = sum(
        float((h * move[name]).double().sum())
        for h, name in zip(second, params, strict=True)
        if h is not None
    )
    return Step(bend / -slope, size / max(weight, 1e-300), type(optimizer).__name__)


def _move(
    optimizer: torch.optim.Optimizer, names: dict[int, str], gradients: dict[str, Tensor]
) -> dict[str, Tensor]:
    """What one step of a copy of the optimizer adds to every parameter."""
    held = [p for group in optimizer.param_groups for p in group["params"]]
    twin = copy.deepcopy(optimizer)
    moved: dict[str, Tensor] = {}
    copies = [p for group in twin.param_groups for p in group["params"]]
    for own, p in zip(held, copies, strict=True):
        g = gradients.get(names.get(id(own), ""))
        p.grad = None if g is None else g.to(p, copy=True)
    before = [p.detach().clone() for p in copies]
    twin.step()
    for own, p, old in zip(held, copies, before, strict=True):
        name = names.get(id(own))
        if name is not None and name in gradients:
            moved[name] = (p.detach() - old).to(gradients[name])
    return moved
