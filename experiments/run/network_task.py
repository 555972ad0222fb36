"""Training and measuring one VGG network by stochastic gradient descent."""

from __future__ import annotations

import functools
import math
from dataclasses import asdict, replace
from typing import Any

import torch
from bnverify.experiments.data import sets as data
from bnverify.experiments.measure import landscape, moments, second_order, terms
from bnverify.experiments.measure.landscape import Objective, Ray
from bnverify.experiments.measure.precision import rounded
from bnverify.experiments.measure.shift import internal_covariate_shift
from bnverify.experiments.networks.models import vgg
from bnverify.experiments.run import insert, record
from bnverify.experiments.run.recipes import VggRecipe, curved_steps
from bnverify.numerics.measure.norms import Noise
from torch import Tensor, nn

from bnverify.base.errors import InputError

EVALUATED = (
    2048  # Pictures of each part whose accuracy is recorded along the training; at its end all test pictures.
)
RANDOM_LENGTHS = (0, -1)  # Probes of a random direction: the shortest and the longest of the gradient's.


@functools.lru_cache(maxsize=2)
def _loaded(source: str, size: int, device: str) -> data.Data:
    return data.load(source, size, device)


def require_device(device: str) -> None:
    """InputError where PyTorch cannot use ``device``."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device {device!r} cannot be used ({reason}); use --set device=cpu") from None


def require(recipe: VggRecipe) -> None:
    """InputError where the device or the data of a recipe cannot be used; the data are kept for the training."""
    require_device(recipe.device)
    _loaded(recipe.data, recipe.size, recipe.device)


def pictures(recipe: VggRecipe) -> str:
    """The hash of the recipe's data set, see `data.sets.prepare`."""
    return _loaded(recipe.data, recipe.size, recipe.device).sha256


class NetworkTask:
    """See `train.Task`. The loss is the mean cross-entropy of the batch, in nats."""

    def __init__(self, recipe: VggRecipe) -> None:
        self.recipe = recipe
        self.step = 0
        require(recipe)
        self.set = _loaded(recipe.data, recipe.size, recipe.device)
        self.model = vgg(recipe, self.set.train_x.shape[1], self.set.classes).to(recipe.device)
        if recipe.channels_last:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.curved = curved_steps(recipe)
        self.noises = [module for module in self.model.modules() if isinstance(module, Noise)]
        self.optimiser = torch.optim.SGD(
            self.model.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures and labels of the batch of ``step``, on the device."""
        index = data.batch_indices(self.recipe.seed, step, len(self.set.train_y), self.recipe.batch_size)
        index = index.to(self.set.train_x.device)
        x, y = self.set.train_x.index_select(0, index), self.set.train_y.index_select(0, index)
        return x.contiguous(memory_format=torch.channels_last) if self.recipe.channels_last else x, y

    def advance(self, until: int) -> list[Any]:
        with rounded("tf32" if self.recipe.tf32 else "ieee"):
            return self._advance(until)

    def _advance(self, until: int) -> list[Any]:
        losses = []
        self.model.train()
        while self.step < until:
            x, y = self.batch(self.step)
            for noise in self.noises:
                noise.step = self.step
            loss = nn.functional.cross_entropy(self.model(x), y)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            losses.append(loss.detach())
            self.step += 1
        values: list[Any] = torch.stack(losses).tolist()
        return values

    def diverged_at(self, losses: list[Any]) -> int | None:
        """The first loss that is not finite."""
        return next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), None)

    def measure(self) -> record.Row:
        recipe = self.recipe
        if recipe.accuracy_only:
            return {"accuracy": self._accuracies(EVALUATED)}
        now = self._objective(self.step)
        w = now.point()
        before = moments.activations(now, w)
        w_next = self._updated(w, before.grad)
        after = moments.activations(now, w_next)
        next_batch = moments.activations(self._objective(self.step + 1), w_next)
        lengths = landscape.lengths(recipe.probe_low, recipe.probe_high, recipe.lr, recipe.probes)
        ray = landscape.along(now, lengths, (w, before.loss, before.grad))
        row: record.Row = {
            "ray": asdict(ray),
            "weight_norm": weight_norm(self.model),
            "moments": moments.moments(before.z, next_batch.z, recipe.seed),
            "activation_beta": moments.activation_beta(before, after),
            # What one sees who compares gradients of successive steps, each on its own batch.
            "across_batches": {
                "change": float((next_batch.grad - before.grad).norm()),
                "distance": float((w_next - w).norm()),
            },
            "accuracy": self._accuracies(EVALUATED),
        }
        if recipe.far_probes:
            far = landscape.beyond(recipe.probe_high, recipe.far, recipe.lr, recipe.far_probes)
            row["far"] = asdict(landscape.along(now, far, (w, before.loss, before.grad)))
        if self.step in self.curved and recipe.norm in ("none", "batchnorm"):
            numbers = [moments.condition(moments.units(x)[None]) for x in before.x]
            row["condition"] = torch.cat(numbers).tolist()
        if recipe.ics:
            shifts = internal_covariate_shift(now, w, w_next, before.grad)
            row["ics"] = [asdict(shift) for shift in shifts.layers]
            row["ics_weights"] = [asdict(shift) for shift in shifts.weights]
        if recipe.directions:
            row["random"] = [asdict(r) | {"scaling": s} for s, r in self._random(now, w, before, ray)]
        if recipe.audit and terms.normalises(self.model):
            row |= self._terms(now)
        if recipe.lanczos:
            row["lambda_max"] = float(landscape.lambda_max(now.hvp(w), before.grad, recipe.lanczos))
            if recipe.norm == "batchnorm" and self.step in self.curved:
                # Same weights and batch, running statistics: the outliers come back (Ghorbani et al. 2019).
                frozen = replace(now, mode="eval")
                row["lambda_max_population"] = float(
                    landscape.lambda_max(frozen.hvp(w), frozen.value_and_grad(w)[1], recipe.lanczos)
                )
        return row

    def _objective(self, step: int) -> Objective:
        x, y = self.batch(step)
        return Objective(self.model, x, y, nn.functional.cross_entropy, step)

    def _updated(self, w: Tensor, grad: Tensor) -> Tensor:
        """Parameters after the update that the optimiser would take from ``w`` with ``grad``; nothing is changed."""
        recipe = self.recipe
        grad = grad + recipe.weight_decay * w
        if recipe.momentum:
            buffers = [self.optimiser.state[p].get("momentum_buffer") for p in self.model.parameters()]
            if all(b is not None for b in buffers):
                grad = grad + recipe.momentum * torch.cat([b.reshape(-1) for b in buffers])
        return w - recipe.lr * grad

    def _terms(self, now: Objective) -> record.Row:
        model, batch = self.model, (now.x, now.y, now.loss_fn)
        try:
            row: record.Row = {"terms": [asdict(one) for one in terms.theorem_terms(model, *batch, now.step)]}
            if self.step in self.curved:
                with terms.noise_of(model, now.step):
                    layers = second_order.second_order(model, *batch, self.recipe.psd)
                row["second_order"] = [asdict(one) for one in layers]
        except InputError as error:
            # A network on its way to divergence has numbers that no audit takes; the run goes on.
            return {"terms": [], "terms_missing": str(error)}
        return row

    def _random(
        self, now: Objective, w: Tensor, before: moments.Activations, ray: Ray
    ) -> list[tuple[str, Ray]]:
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        lengths = [ray.lengths[i] for i in RANDOM_LENGTHS]
        seen: list[tuple[str, Ray]] = []
        scalings: tuple[landscape.Scaling, ...] = ("gradient-norm", "filter")
        for _ in range(self.recipe.directions):
            for scaling in scalings:
                d = landscape.random_direction(now, scaling, ray.grad_norm, generator)
                for signed in (d, -d):
                    seen.append(
                        (scaling, landscape.along(now, lengths, (w, before.loss, before.grad), signed))
                    )
        return seen

    def _accuracies(self, tested: int | None = None) -> dict[str, float]:
        if not self.recipe.evaluate:
            return {}
        s = self.set
        train = accuracy(self.model, s.train_x[:EVALUATED], s.train_y[:EVALUATED])
        return {
            "train": train,
            "test": accuracy(self.model, s.test_x[:tested], s.test_y[:tested]),
            "as_trained": self._accuracy_as_trained(),
        }

    def _accuracy_as_trained(self) -> float:
        """The same in training mode: statistics of the batch, noise of the step."""
        objective = self._objective(self.step)
        x, y = (
            part[:EVALUATED].split(self.recipe.batch_size) for part in (self.set.train_x, self.set.train_y)
        )
        with torch.no_grad(), objective.held():
            found = [self.model(a).argmax(1) == b for a, b in zip(x, y, strict=True) if len(b) > 1]
        return _share(found)

    def final(self) -> record.Row:
        return {"accuracy": self._accuracies(EVALUATED)}

    def state(self) -> record.Row:
        return {
            "step": self.step,
            "model": {name: value.cpu() for name, value in self.model.state_dict().items()},
            "optimiser": self.optimiser.state_dict(),
        }

    def restore(self, state: record.Row) -> None:
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])

    def data(self) -> record.Row | None:
        return {"name": self.set.name, "sha256": self.set.sha256}


class InsertionTask(NetworkTask):
    """The same training; what is measured is one matched BatchNorm at every layer but the last."""

    def measure(self) -> record.Row:
        recipe = self.recipe
        x, y = self.batch(self.step)
        lengths = landscape.lengths(recipe.probe_low, recipe.probe_high, recipe.lr, recipe.probes)
        layers = range(len(self.model.blocks) - 1)
        found = insert.insert(self.model, layers, x, y, nn.functional.cross_entropy, lengths)
        return {"insertions": [asdict(one) for one in found], "accuracy": self._accuracies(EVALUATED)}


def weight_norm(model: nn.Module) -> float:
    """|W|, Euclidean, over the weights of all linear maps of ``model``."""
    return float(torch.cat([p.detach().reshape(-1) for p in model.parameters() if p.dim() > 1]).norm())


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of ``x`` classified as ``y`` at test time (running statistics); the mode of ``model`` is put back."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            found = [model(part).argmax(1) == of for part, of in zip(x.split(512), y.split(512), strict=True)]
    finally:
        model.train(was_training)
    return _share(found)


def _share(right: list[Tensor]) -> float:
    whole = torch.cat(right)
    return int(whole.sum()) / len(whole)
