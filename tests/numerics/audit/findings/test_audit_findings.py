"""The public audit with findings: what it keeps, what it says instead of refusing, and that it leaves no trace."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import findings_cases as cases
import findings_nets as nets
import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.findings.audit import audit
from bnverify.numerics.audit.findings.fault import Fault, ranges
from bnverify.numerics.audit.findings.kinds import KINDS
from bnverify.numerics.audit.findings.ranking import ranked
from bnverify.numerics.audit.findings.tables import from_tables
from bnverify.numerics.audit.findings.words import CLAIMS, lines, verdict
from bnverify.theory.registry import registry
from torch import nn

from bnverify.base.errors import InputError


def audited(case: Any, **options: Any) -> Any:
    return audit(case.model, case.loss_fn, case.inputs, case.targets, **options)


def fault(kind: str, layer: str = "a", channels: tuple[int, ...] = (), **other: Any) -> Fault:
    entry = KINDS[kind]
    given = {"severity": str(entry.severity), "layers": (layer,)} | other
    return Fault(kind, layer, 0, channels, 0.1, entry.threshold, "text", entry.why, entry.advice, **given)


def test_a_healthy_network_is_ok_and_says_what_was_looked_at() -> None:
    report = audited(cases.NETS["resnet"]())
    assert report.ok
    assert report.findings == ()
    assert report.environment["looked_at"]["calls"] == 8
    assert lines(report.findings, "20 rules") == ["nothing found: 20 rules"]


def test_findings_are_in_the_json_with_the_promised_names() -> None:
    report = audited(cases.dead_channel(0)("mlp").case)
    (told,) = json.loads(report.to_json())["findings"]
    promised = {"kind", "layer", "call", "channels", "value", "threshold", "text", "advice", "severity"}
    assert promised <= set(told)
    assert (told["kind"], told["layer"], told["channels"], told["severity"]) == (
        "dead-channel",
        "1",
        [2, 3],
        "warning",
    )
    assert not report.ok


@pytest.mark.parametrize("name", ["vgg", "post-norm", "densenet", "mobile", "pre-norm"])
def test_the_model_and_the_generators_are_left_as_they_were(name: str) -> None:
    case = cases.NETS[name]()
    optimizer = torch.optim.Adam(case.model.parameters(), 1e-3)
    before = {key: value.clone() for key, value in case.model.state_dict().items()}
    state = torch.get_rng_state()
    audited(case, optimizer=optimizer)
    assert all(torch.equal(value, before[key]) for key, value in case.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in case.model.parameters())
    assert not optimizer.state
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in case.model.modules())


def test_numbers_that_are_not_finite_are_a_finding_and_no_refusal() -> None:
    report = audited(cases.not_finite(1)("mlp-tanh").case)
    assert [item.kind for item in report.findings] == ["non-finite"]
    assert report.layers == ()
    assert "NaN" in report.environment["refused"]


def test_a_single_number_to_normalise_is_a_finding() -> None:
    case = cases.NETS["mlp"]()
    report = audited(case.put(inputs=case.inputs[:1], targets=case.targets[:1]))
    assert (report.findings[0].kind, report.findings[0].severity) == ("tiny-batch", "error")


def test_a_constant_channel_is_a_finding_and_the_rest_is_audited() -> None:
    planted = cases.constant_input(1, cases.first(nn.Linear, 1))("mlp")
    report = audited(planted.case)
    assert [item.kind for item in report.findings] == ["constant-input"]
    assert len(report.layers) == 3


def test_a_wrong_option_is_still_refused() -> None:
    with pytest.raises(InputError, match="no normalisation layer is called"):
        audited(cases.NETS["mlp"](), layers=["nowhere"])
    with pytest.raises(InputError, match="the loss is"):
        audit(nets.mlp(), lambda out, t: out, *nets.vectors())


def test_what_is_in_the_baseline_is_left_out() -> None:
    case = cases.dead_channel(0)("mlp").case
    first = audited(case)
    again = audited(case, baseline=first.findings)
    assert again.ok
    assert again.environment["hidden"] == 1


def test_the_step_is_judged_by_its_own_curvature_along_it() -> None:
    """One weight vector, quadratic loss: the ratio is lr times the curvature along the gradient, by hand."""
    from bnverify.numerics.audit.findings.profile import profile

    class Quadratic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x * self.w**2).sum()

    model, scale = Quadratic(), torch.tensor([1.0, 5.0], dtype=torch.float64)
    told = profile(model, lambda out: out, scale, optimizer=torch.optim.SGD(model.parameters(), 0.3))
    assert told.step is not None
    g = 2 * scale * torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert told.step.ratio == pytest.approx(0.3 * float((g * 2 * scale * g).sum() / (g @ g)), rel=1e-12)


def test_a_gradient_penalty_is_outside_the_theory() -> None:
    critic = nn.Sequential(nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))

    class Penalised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.critic = critic

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x.requires_grad_()
            (slope,) = torch.autograd.grad(self.critic(x).sum(), x, create_graph=True)
            return slope.norm(dim=1).sub(1).square().mean()

    report = audit(Penalised(), lambda out: out, torch.randn(16, 6))
    assert "outside-theory" in [item.kind for item in report.findings]


def test_a_finding_holds_back_what_it_explains() -> None:
    kinds = ("stale-statistics", "momentum-extreme", "train-eval-gap")
    told = ranked([*map(fault, kinds), fault("bias-before-norm", "b")])
    assert [item.kind for item in told] == ["momentum-extreme", "bias-before-norm"]
    told = ranked([fault("constant-input", channels=(1, 2)), fault("dead-channel", channels=(1, 2))])
    assert [item.kind for item in told] == ["dead-channel"]
    told = ranked([fault("constant-input", channels=(1, 2, 3)), fault("dead-channel", channels=(1, 2))])
    assert len(told) == 2


def test_what_is_explained_in_the_same_layer_is_held_back_there_alone() -> None:
    told = ranked([fault("constant-input"), fault("eps-dominates"), fault("eps-dominates", "b")])
    assert [(item.kind, item.layer) for item in told] == [("constant-input", "a"), ("eps-dominates", "b")]


def test_channels_of_one_kind_in_many_layers_are_one_finding() -> None:
    told = ranked([fault("dead-channel", f"layer{i}", (i,)) for i in range(6)])
    assert [(item.kind, item.layer, len(item.layers)) for item in told] == [("dead-channel", "layer0", 6)]
    assert told[0].text.endswith("and 5 more layers")
    assert len(ranked([fault("dead-channel", f"layer{i}", (i,)) for i in range(3)])) == 3


def test_a_channel_that_something_further_on_closes_is_not_named() -> None:
    """A small scale on a branch whose sum a later ReLU closes: the branch itself is open."""

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.BatchNorm1d(16), nn.BatchNorm1d(16)
            self.head = nn.Linear(16, nets.CLASSES)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(F.relu(self.one(x) + self.two(x.flip(1))))

    model = Branches()
    with torch.no_grad():
        model.one.bias[3], model.two.weight[3], model.two.bias[3] = -40.0, 0.01, 0.1
    report = audit(model, F.cross_entropy, *nets.vectors())
    assert not [item for item in report.findings if item.layer == "two"]


def shifted(case: Any) -> Any:
    """A trained network on inputs that its running statistics do not know."""
    return nets.fitted(case, 60).put(inputs=case.inputs * 3 + 4)


def test_a_frozen_layer_is_a_finding_only_where_its_statistics_do_not_fit() -> None:
    for move, kinds in ((lambda case: nets.fitted(case, 60), []), (shifted, ["eval-in-training"])):
        torch.manual_seed(0)
        case = move(cases.NETS["vgg"]())
        _, norm = case.norm(0)
        norm.eval()
        alarms = [item.kind for item in audited(case).findings if item.alarming]
        assert [kind for kind in alarms if kind == "eval-in-training"] == kinds


def test_a_model_that_is_another_one_in_eval_mode_is_named() -> None:
    """Dropout before BatchNorm: the layer's input spreads more in train mode than in eval mode."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(16, 32),
        nn.ReLU(),
        nn.Dropout(0.9),
        nn.Linear(32, 32),
        nn.BatchNorm1d(32),
        nn.Linear(32, nets.CLASSES),
    )
    case = nets.fitted(nets.Case(model, *nets.vectors()), 80)
    (told,) = [item for item in audited(case).findings if item.kind == "train-eval-gap"]
    assert told.layer == "4"


def test_a_note_never_holds_back_an_alarm() -> None:
    told = ranked([fault("constant-input", severity="note"), fault("eps-dominates")])
    assert {item.kind for item in told} == {"constant-input", "eps-dominates"}


@pytest.mark.parametrize("width", [60, 100, 200])
@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_the_list_has_at_most_twelve_lines_of_the_screen(width: int, count: int) -> None:
    import textwrap

    told = [fault(kind, f"layer{i}") for i, kind in enumerate(list(KINDS) * 2)][:count]
    shown = lines(told, "", width)
    assert sum(max(1, len(textwrap.wrap(line, width))) for line in shown) <= 12
    assert "bnverify explain" in shown[-1]


def test_every_kind_has_a_sentence_for_everything() -> None:
    known = registry()
    for kind in KINDS.values():
        assert all((kind.measure, kind.reason, kind.margin, kind.why, kind.advice))
        assert kind.claim == "" or (kind.claim in known and kind.claim in CLAIMS)
        assert kind.why.endswith(".")
        assert kind.advice.endswith(".")


def test_the_kinds_are_those_that_were_promised() -> None:
    promised = (
        "wrong-backward eps-dominates dead-scale dead-channel constant-input tiny-batch duplicate-batch uneven-batch "
        "mixed-domains gradient-growth gradient-decay stale-statistics momentum-extreme eval-in-training "
        "train-eval-gap bias-before-norm wrong-axis ill-conditioned non-finite step-too-large effective-step-growth "
        "outside-theory undecided"
    )
    assert set(KINDS) == set(promised.split())


def test_channels_are_told_as_ranges() -> None:
    assert ranges((0, 1, 2, 5, 7, 8)) == "0-2, 5, 7-8"
    assert ranges(tuple(range(0, 40, 2))).endswith("and 12 more")


def test_the_verdict_is_one_sentence() -> None:
    assert verdict([], 4) == "Nothing wrong was found in 4 calls of normalisation layers."
    assert (
        verdict([fault("dead-scale"), fault("tiny-batch", "b")], 4)
        == "2 problems: dead-scale at a, and 1 more."
    )


def test_a_loss_that_is_a_module_is_looked_into() -> None:
    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Sequential(nn.Linear(6, 6, bias=False), nn.BatchNorm1d(6, eps=20.0))

        def forward(self, out: torch.Tensor) -> torch.Tensor:
            return -F.cosine_similarity(self.head(out), out.detach()).mean()

    report = audit(nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6)), Loss(), torch.randn(16, 4))
    assert [(item.kind, item.layer) for item in report.findings] == [("eps-dominates", "loss.head.1")]


def test_a_backward_pass_that_is_wrong_is_an_error_with_its_factor() -> None:
    model = nn.Sequential(
        nn.Linear(16, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, nets.CLASSES)
    )
    model[1].register_full_backward_hook(lambda _, grads, __: (3 * grads[0],))
    report = audit(model, F.cross_entropy, *nets.vectors())
    (told,) = [item for item in report.findings if item.alarming]
    assert (told.kind, told.layer, told.severity) == ("wrong-backward", "1", "error")
    assert "3.000 times the derivative" in told.text
    assert told.value > told.threshold
    assert told.claim == "eq-4"
    assert "times what rounding explains" in lines((told,), "")[0]


def test_a_wrong_backward_pass_of_rms_norm_is_told_in_its_own_words() -> None:
    class Forgets(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, y: torch.Tensor) -> torch.Tensor:
            ctx.root = y.square().mean(-1, keepdim=True).sqrt()
            return torch.div(y, ctx.root)

        @staticmethod
        def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
            return torch.div(grads[0], ctx.root)

    class RMSNorm(nn.Module):
        def forward(self, y: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = Forgets.apply(y)
            return out

    model = nn.Sequential(nn.Linear(16, 8), RMSNorm(), nn.ReLU(), nn.Linear(8, nets.CLASSES))
    (told,) = [item for item in audit(model, F.cross_entropy, *nets.vectors()).findings if item.alarming]
    assert (told.kind, told.claim) == ("wrong-backward", "ext-groups.rms-norm")
    assert "the part along y-hat is not taken off" in told.text
    assert "the mean nor" not in told.text


def test_rows_that_rounding_leaves_open_are_a_note_in_a_dtype_of_few_digits() -> None:
    report = audited(cases.NETS["mlp"]())

    def open_rows(digits: float) -> list[Fault]:
        layers = [
            replace(
                layer,
                columns=layer.columns | {"digits": (digits,) * len(layer.labels)},
                statements=tuple(
                    replace(rows, finding=("within_roundoff",) * len(rows.finding))
                    for rows in layer.statements
                ),
            )
            for layer in report.layers
        ]
        return list(from_tables(layers))

    (told,) = open_rows(2.4)
    assert (told.kind, told.severity, told.layers) == ("undecided", "note", ("1", "4", "7"))
    assert open_rows(7.2) == []
    assert list(from_tables(report.layers)) == []


def test_on_another_device_the_rules_look_at_a_copy_there() -> None:
    case = cases.NETS["mlp"]()
    name, norm = case.norm(1)
    norm.eps = 10.0
    optimizer = torch.optim.SGD(case.model.parameters(), 0.1)
    told = [
        audit(
            case.model, case.loss_fn, case.inputs, case.targets, optimizer=optimizer, device=device
        ).findings
        for device in (None, "cpu")
    ]
    assert told[0] == told[1]
    assert (told[0][0].kind, told[0][0].layer) == ("eps-dominates", name)
