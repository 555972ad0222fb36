"""A third set of faults and of healthy networks, through the public audit and the recorder.

It was written before the rules were run on it. Of its 36 faults 30 were named with layer and channels, and none of 23
healthy networks raised an alarm. Of the six, three were wrong expectations (a neighbours' mean leaves no two kinds; a
channel that is shut before ReLU is dead and not constant; weights that grow make no step grow), and three were faults
of the rules: numbers that differ in their last digits alone were called constant; rows that rounding leaves open were
looked for in a statement of eps = 0; gradients that underflow were called a wrong backward pass.

Of a fourth set, 36 faults and 38 healthy networks of other architectures, 31 faults were named and 6 healthy networks
raised an alarm; one ended the process. Of the five misses three were wrong expectations (attention that is masked whole
is 0 in PyTorch, and no NaN), and so were two of the alarms (averaged weights whose statistics were not taken again;
statistics of 25 steps that were frozen). What told the others apart is here: an idle expert, LoRA's factor of 0, the
empty state of a recurrent layer, the channels of a GRU, a sum before the activation.
"""

from __future__ import annotations

import findings_strangers as strangers
import pytest
import torch


def test_every_kind_of_finding_is_planted() -> None:
    from bnverify.numerics.audit.findings.kinds import KINDS

    assert {fault.kind for fault in strangers.FAULTS.values()} == set(KINDS)
    assert len(strangers.FAULTS) >= 30
    assert len(strangers.HEALTHY) >= 20


@pytest.mark.parametrize("name", list(strangers.FAULTS))
def test_a_fault_is_named_once_and_nothing_else_raises_an_alarm(name: str) -> None:
    torch.manual_seed(0)
    fault = strangers.FAULTS[name]
    told = fault.told()
    places = fault.layer if isinstance(fault.layer, tuple) else (fault.layer,)
    hits = [
        item
        for item in told
        if item.kind == fault.kind
        and (fault.layer is None or item.layer in places)
        and (fault.channels is None or item.channels == fault.channels)
    ]
    assert len(hits) == 1, [(item.kind, item.layer, item.channels) for item in told]
    assert hits[0].alarming is not fault.note
    assert {item.kind for item in told if item.alarming} <= {fault.kind}


@pytest.mark.parametrize("name", list(strangers.HEALTHY))
def test_a_healthy_network_raises_no_alarm(name: str) -> None:
    torch.manual_seed(0)
    assert not [(item.kind, item.layer, item.value) for item in strangers.HEALTHY[name]() if item.alarming]
