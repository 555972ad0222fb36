"""One of two gloo processes: audits its half of a batch in every case and writes what it found.

python worker.py RANK WORLD FOLDER
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from bnverify.numerics.audit.loop.auditor import Auditor
from bnverify.numerics.audit.run import audit
from bnverify.numerics.measure.norms import SyncBatchNorm
from torch import nn

CASES = ("sync", "torch-sync", "ddp", "ddp-recorder")
OPTIONS = {"second_order": True, "probes": 3, "channels": [0, 2]}


def model(sync: bool) -> nn.Module:
    """Two normalisation layers, the second behind a nonlinearity and a skip connection."""
    torch.manual_seed(0)
    norm = SyncBatchNorm if sync else nn.BatchNorm2d

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.bn1 = nn.Conv2d(2, 4, 3, padding=1), norm(4)
            self.mix, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), norm(4)
            self.head = nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.stem(x)
            h = h + self.mix(torch.tanh(self.bn1(h)))
            return self.head(torch.sigmoid(self.bn2(h)).mean((2, 3)))

    net = Net().double()
    for layer in (net.bn1, net.bn2):
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
    return net


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, 2, 5, 5, generator=generator).double(), torch.randint(
        0, 3, (8,), generator=generator
    )


def report_of(rank: int, case: str) -> Any:
    x, t = batch()
    half = slice(4 * rank, 4 * rank + 4)
    net = model(case == "sync")
    if case == "torch-sync":
        net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    # DistributedDataParallel itself refuses PyTorch's SyncBatchNorm on a CPU.
    wrapped = net if case == "torch-sync" else nn.parallel.DistributedDataParallel(net)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    if case == "ddp-recorder":
        with Auditor(wrapped, rows=True) as auditor:
            loss = F.cross_entropy(wrapped(x[half]), t[half])
            loss.backward()
            record = auditor.step(loss)
        assert record is not None
        return record.report
    report = audit(wrapped, F.cross_entropy, x[half], t[half], **OPTIONS)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    if case != "torch-sync":
        F.cross_entropy(wrapped(x[half]), t[half]).backward()
    return report


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    reports = {case: report_of(rank, case).to_dict() for case in CASES}
    (folder / f"{rank}.json").write_text(json.dumps(reports))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
