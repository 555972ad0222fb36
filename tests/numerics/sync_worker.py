"""One of two gloo processes: the derivatives of its part of a batch through the synchronised layer.

python sync_worker.py RANK PORT FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from bnverify.numerics.measure.norms import SyncBatchNorm
from torch import Tensor, nn


def batch(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.3


def derivatives(layer: nn.Module, y: Tensor, rows: slice, v: Tensor) -> tuple[Tensor, Tensor]:
    z = layer(y)
    weights = torch.arange(1.0, 25.0, dtype=torch.float64).view(8, 3)[rows]
    (grad,) = torch.autograd.grad((z.sin() * weights).sum(), y, create_graph=True)
    (hvp,) = torch.autograd.grad((grad * v).sum(), y)
    return grad.detach(), hvp


def main(rank: int, port: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    rows = slice(0, 3) if rank == 0 else slice(3, 8)
    y, v = batch(8, 3)[rows].requires_grad_(), batch(8, 3, seed=1)[rows]
    torch.save(derivatives(SyncBatchNorm(3).double(), y, rows, v), folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
