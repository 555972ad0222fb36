"""From the measured scalars of a layer call to the rows of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.gradient.backward import Backward
from bnverify.numerics.audit.layers import Family
from bnverify.numerics.audit.report import LayerAudit, SecondOrder, StatementRows
from bnverify.numerics.audit.table.column import Column
from bnverify.numerics.audit.table.curvature import Groups2, Layer2
from bnverify.numerics.audit.table.room import Table, Word, together
from bnverify.numerics.audit.table.statements import Answer, Asked, Finding, ask, statements
from bnverify.numerics.measure.tolerance import roundings, unit_roundoff
from torch import Tensor

_MEASURED = (
    *("g.g", "1.g", "g.yhat", "v.v", "1.v", "v.yhat", "1.yhat"),
    *("g.nu", "1.nu", "nu.nu", "nu.v"),
)
"""The products of `first_order`; those with nu only where the layer divides by an l_p norm."""


def measured_table(call: Call, second: Groups2 | None = None, depth: int = 0) -> Table:
    """The table of a call: all its groups in first order, or the groups of ``second`` with their curvature.

    ``depth`` is the length of the sums downstream, for the rounding of second derivatives.

    Sizes are norms of what a vector was formed from before cancellations: v from gamma/s g (and from the gradient
    of an l_p divisor), B v from the two times J around H J v and from the bend of the layer along v.
    """
    assert call.spec is not None
    found = call.measured
    if second is not None:
        at = torch.tensor(second.index, device=found["size"].device)
        found = {key: value[at] for key, value in found.items()}
    m, var, s, gamma = found["size"], found["var"], found["s"], found["gamma"]
    fixed = call.spec.family is Family.FIXED
    symbols = {
        "m": m,
        "gamma": gamma,
        "mu": found["mean"],
        "sigma": var.sqrt(),
        "s": s,
        "rho": var / s**2,
        "eps": torch.full_like(s, call.spec.eps),
    }
    products: dict[tuple[Word, Word], Tensor] = {}
    for name in _MEASURED:
        if name in found:
            left, right = name.split(".")
            products[(left, right)] = found[name]
    products[("1", "1")] = m
    products[("yhat", "yhat")] = found["yhat.yhat"] if fixed else m * symbols["rho"]
    factor = gamma.abs() / s
    g_size = found["g.g"].sqrt()
    v_size = torch.maximum(found["v.v"].sqrt(), factor * g_size)
    yhat_size = torch.maximum(m, found["yhat.yhat"]).sqrt() if fixed else m.sqrt()
    sizes: dict[Word, Tensor] = {"1": m.sqrt(), "yhat": yhat_size, "g": g_size}
    if "nu.nu" in found:
        sizes["nu"] = found["nu.nu"].sqrt()
        symbols |= {"shared": found["shared"], "n": s}
        v_size = torch.maximum(v_size, factor * (g_size + found["shared"].abs() * sizes["nu"]))
    sizes["v"] = v_size
    if second is not None:
        jv: Word = ("Dz", "v")
        p = second.products
        products |= {("v", ("B", "v")): p["v.Bv"], (jv, ("H", jv)): p["Jv.HJv"]}
        sizes[jv] = factor * v_size
        sizes[("H", jv)] = p["HJv.HJv"].sqrt()
        bend = 3 * factor / s * g_size * v_size / m.sqrt()
        sizes[("B", "v")] = p["Bv.Bv"].sqrt() + factor * sizes[("H", jv)] + bend
        for right in ("v", "g", "yhat", "e"):
            if f"v.H{right}" not in p:
                continue
            image: Word = ("H", _word(right))
            sizes[image] = p[f"H{right}.H{right}"].sqrt()
            products[(image, image)] = p[f"H{right}.H{right}"]
            products |= {(_word(left), image): p[f"{left}.H{right}"] for left in ("v", "g", "yhat", "e")}
        if "v.Nv" in p:
            products[("v", ("N", "v"))] = p["v.Nv"]
            sizes[("N", "v")] = p["Nv.Nv"].sqrt()
    # With eps > 0 a constant group has y-hat = 0 and a gradient like any other.
    defined = ~constant(call, found) if call.spec.eps == 0 else torch.ones_like(m, dtype=torch.bool)
    return Table(symbols, products, sizes, int(m.max()), defined, depth)


def _word(short: str) -> Word:
    return "1" if short == "e" else short


def constant(call: Call, found: dict[str, Tensor]) -> Tensor:
    """Groups whose spread is rounding: sigma is at most 64 roundings of the mean. ``(G,)``"""
    assert call.spec is not None
    var, mean = found["var"], found["mean"]
    if call.spec.family is Family.FIXED:
        return torch.zeros_like(var, dtype=torch.bool)
    return var <= (64 * torch.finfo(var.dtype).eps * mean) ** 2


def answers(call: Call, table: Table) -> list[Answer]:
    """Every statement that can be asked of the table."""
    assert call.spec is not None
    asked = (ask(statement, table, call.dtype) for statement in statements(Asked.of(call.spec)))
    return [answer for answer in asked if answer is not None]


def first_order_answers(calls: Sequence[Call]) -> list[list[Answer]]:
    """What every call answers; those of one formula, dtype and device are asked in one table."""
    tables = [measured_table(call) for call in calls]
    alike: dict[tuple[Asked, torch.dtype, torch.device], list[int]] = {}
    for index, (call, table) in enumerate(zip(calls, tables, strict=True)):
        assert call.spec is not None
        key = Asked.of(call.spec), call.dtype, table.defined.device
        alike.setdefault(key, []).append(index)
    found: list[list[Answer]] = [[] for _ in calls]
    for indices in alike.values():
        sizes = [len(tables[index].defined) for index in indices]
        for answer in answers(calls[indices[0]], together([tables[index] for index in indices])):
            for index, part in zip(indices, answer.split(sizes), strict=True):
                found[index].append(part)
    return found


def statement_rows(answer: Answer, keep: list[int] | None) -> StatementRows:
    statement = answer.statement
    return StatementRows(
        id=statement.id,
        form=statement.form,
        text=statement.text,
        op=answer.op,
        asserted=statement.asserted,
        lhs=Column(answer.lhs).kept(keep),
        rhs=Column(answer.rhs).kept(keep),
        residual=Column(answer.residual).kept(keep),
        finding=answer.findings.kept(keep),
    )


def first_order_rows(
    call: Call,
    number: int,
    mode: str,
    asked: list[Answer],
    channels: tuple[int, ...] | None = None,
    second: SecondOrder | None = None,
    backward: Backward | None = None,
) -> LayerAudit:
    """The table of one call; asked: its part of `first_order_answers`."""
    spec = call.spec
    assert spec is not None
    outside = OUTSIDE_TWICE if call.twice else OUTSIDE_SEVERAL if call.arrivals > 1 else ""
    keep = None if channels is None else list(channels)
    layer = LayerAudit(
        name=call.name,
        kind=call.kind.name,
        family=str(spec.family),
        unit=str(spec.unit),
        call=number,
        mode=mode,
        eps=spec.eps,
        dtype=str(call.dtype).removeprefix("torch."),
        folded=spec.fold is not None,
        synchronised=spec.synchronised,
        labels=spec.labels().kept(keep),
        columns={name: Column(values).kept(keep) for name, values in _columns(call).items()},
        statements=tuple(statement_rows(answer, keep) for answer in asked),
        second=second,
        constant=_places(call, keep),
        recognised=call.recognised,
        backward=backward,
    )
    return without_theory(layer, outside) if outside else layer


def without_theory(layer: LayerAudit, reason: str) -> LayerAudit:
    """The layer with no verdict of a theorem at any row, and why."""

    def silent(tables: Sequence[StatementRows]) -> tuple[StatementRows, ...]:
        return tuple(
            replace(rows, finding=(Finding.OUTSIDE_ASSUMPTIONS.value,) * len(rows.finding)) for rows in tables
        )

    second, backward = layer.second, layer.backward
    if second is not None:
        second = replace(second, statements=silent(second.statements))
    if backward is not None and backward.verdict == "suspected":
        # What arrived at the input is not what the layer handed over alone.
        backward = Backward(lost=backward.lost, text=f"its backward pass was not compared: {reason}")
    return replace(
        layer, statements=silent(layer.statements), second=second, outside_theory=reason, backward=backward
    )


OUTSIDE_TWICE = (
    "the loss sees its input otherwise than through its output: a derivative through the layer is part of the loss, as "
    "in a gradient penalty"
)

OUTSIDE_SEVERAL = (
    "several gradients came through this call, one for each of several losses; the last is shown"
)


def _places(call: Call, keep: list[int] | None) -> tuple[int, ...]:
    """The rows, by their place in the table, that are constant."""
    flat = constant(call, call.measured)
    return tuple((flat if keep is None else flat[keep]).nonzero().flatten().tolist())


def _columns(call: Call) -> dict[str, Tensor]:
    """The columns of `bnverify.numerics.audit.report.COLUMNS`."""
    spec, found = call.spec, call.measured
    assert spec is not None
    m, s, gamma, grad_sq, proj = (found[key] for key in ("size", "s", "gamma", "g.g", "g.yhat"))
    rho = found["var"] / s**2
    zero = torch.zeros_like(m)
    scale_sq = (gamma / s) ** 2

    def share(value: Tensor) -> Tensor:
        return torch.where(grad_sq > 0, value / grad_sq, zero)

    yhat_sq = (found["yhat.yhat"] if spec.family is Family.FIXED else m * rho) * grad_sq
    away = 1 + found["mean"].abs() / s
    cosine = torch.where(yhat_sq > 0, proj / yhat_sq.sqrt(), zero)
    # <g, yhat> is a sum of m products, of numbers that lost what the mean took from y.
    near = (
        unit_roundoff(s.dtype)
        * (roundings(0, int(m.max())) + m)
        * away
        * (m.sqrt() / (yhat_sq / grad_sq).sqrt())
    )
    removed_mean = found["1.g"] ** 2 / m if spec.family in (Family.CENTRED, Family.LP) else zero
    kept = torch.where(scale_sq > 0, found["v.v"] / scale_sq, zero)
    match spec.family:
        case Family.FIXED:
            removed_yhat = zero
        case Family.LP | Family.DEFINED:
            removed_yhat = torch.where(scale_sq > 0, grad_sq - removed_mean - kept, zero)
        case _:
            removed_yhat = (2 - rho) / m * proj**2
    return {
        "size": m,
        "mean": found["mean"],
        "sigma": found["var"].sqrt(),
        "s": s,
        "rho": rho,
        "gamma": gamma,
        "grad_in_sq": found["v.v"],
        "grad_out_sq": found["grad_out_sq"],
        "grad_sq": grad_sq,
        "grad_sum": found["1.g"],
        "grad_proj": proj,
        "scale_sq": scale_sq,
        "term_mean": share(removed_mean),
        "term_yhat": share(removed_yhat),
        "kept": share(kept),
        "cosine": cosine,
        "cosine_error": torch.where(yhat_sq > 0, near, zero),
        "digits": -torch.log10(unit_roundoff(call.dtype) * away).clamp_max(0),
    }


_EXACT = {
    "bn_hess_bn": "v.Bv",
    "chain": "Jv.HJv",
    "hess_bn": "v.Hv",
    "hess_grad": "g.Hg",
}


def second_order_rows(
    call: Call,
    layer: Layer2,
    exact: Groups2 | None,
    estimate: Groups2 | None,
    channels: tuple[int, ...] | None,
    depth: int,
    extremes: dict[str, float] | None = None,
) -> SecondOrder:
    """Whole layer, single groups and estimates of one call."""
    spec = call.spec
    assert spec is not None
    labels = spec.labels()
    keep = None if channels is None else list(channels)
    forms: dict[str, tuple[float, ...]] = {}
    asked: tuple[StatementRows, ...] = ()
    if exact is not None:
        forms = {
            name: tuple(exact.products[key].tolist()) for name, key in _EXACT.items() if key in exact.products
        }
        if exact.smoothness is not None:
            forms["smoothness"] = tuple(exact.smoothness.tolist())
        asked = tuple(
            statement_rows(answer, None)
            for answer in answers(call, measured_table(call, exact, depth))
            if answer.order == 2
        )

    def of(values: dict[str, Tensor]) -> dict[str, tuple[float, ...]]:
        return {name: Column(values[key]).kept(keep).told for name, key in _EXACT.items() if key in values}

    return SecondOrder(
        whole={
            "bn_hess_bn": layer.bn_hess_bn,
            "chain": layer.chain,
            "bend": layer.bend,
            "hess_bn": layer.hess_bn,
            "hess_grad": layer.hess_grad,
            "smoothness": layer.smoothness,
            "hess_smoothness": layer.hess_smoothness,
            "smoothness_times_m": layer.smoothness * spec.samples(),
        },
        probes=layer.probes,
        labels=tuple(labels[j] for j in exact.index) if exact is not None else (),
        exact=forms,
        statements=asked,
        estimate=of(estimate.products) if estimate is not None else {},
        error=of(estimate.errors) if estimate is not None else {},
        extremes=extremes or {},
    )
