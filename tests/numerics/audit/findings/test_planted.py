"""Every planted fault is named, with its layer and channels; healthy networks raise no alarm.

The thresholds were fixed on the development half and then tried once on the other: of its 40 faults 38 were named and
none of its 28 healthy networks raised an alarm. One miss was a wrong expectation (of the two layers with m = 2 and 128
the smaller is to be named), one a fault of the rule (channels that are closed by chance hid those that are shut).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import findings_cases as cases
import pytest
import torch
from bnverify.numerics.audit.findings.fault import Fault
from bnverify.numerics.audit.findings.profile import profile
from bnverify.numerics.audit.findings.ranking import examined

PLANTED = cases.FAULTS_DEVELOPED + cases.FAULTS_HELD_OUT
HEALTHY = cases.HEALTHY_DEVELOPED | cases.HEALTHY_HELD_OUT


def findings(case: Any) -> tuple[Fault, ...]:
    return examined(profile(case.model, case.loss_fn, case.inputs, case.targets, case.mode, case.optimizer))


def test_there_are_as_many_as_asked_for() -> None:
    assert len(PLANTED) >= 60
    assert len({net for net, _ in PLANTED}) >= 25
    assert len(HEALTHY) >= 30
    assert not set(cases.DEVELOPED) & set(cases.HELD_OUT)


@pytest.mark.parametrize(("net", "plant"), PLANTED, ids=[f"{i}-{net}" for i, (net, _) in enumerate(PLANTED)])
def test_a_planted_fault_is_named_with_its_layer_and_channels(net: str, plant: Callable[[str], Any]) -> None:
    torch.manual_seed(0)
    planted = plant(net)
    told = findings(planted.case)
    hits = [
        item
        for item in told
        if item.kind == planted.kind
        and item.layer == planted.layer
        and (planted.channels is None or item.channels == planted.channels)
    ]
    assert len(hits) == 1, [(item.kind, item.layer, item.channels) for item in told]
    alarms = [item.kind for item in told if item.alarming]
    assert alarms == ([planted.kind] if hits[0].alarming else [])


@pytest.mark.parametrize("name", list(HEALTHY))
def test_a_healthy_network_raises_no_alarm(name: str) -> None:
    torch.manual_seed(0)
    alarms = [(item.kind, item.layer, item.value) for item in findings(HEALTHY[name]()) if item.alarming]
    assert not alarms
