"""Two processes over gloo: what is each rank's own, and what is the concatenated batch's."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from bnverify.numerics.audit.run import audit
from torch import nn

WORKER = Path(__file__).with_name("worker.py")

pytestmark = [
    pytest.mark.skipif(
        not dist.is_available() or not dist.is_gloo_available(), reason="PyTorch without gloo"
    ),
]


def worker() -> Any:
    spec = importlib.util.spec_from_file_location("audit_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What each of two ranks wrote, by case; one pair of processes goes through all cases."""
    folder = tmp_path_factory.mktemp("ranks")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    running = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(rank), "2", str(folder)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [process.communicate(timeout=120)[1] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], "\n".join(errors)
    ranks = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]
    return {case: [rank[case] for rank in ranks] for case in worker().CASES}


def plain(report: Any) -> dict[str, Any]:
    return json.loads(json.dumps(report.to_dict()))


def assert_same(got: dict[str, Any], want: dict[str, Any]) -> None:
    assert [layer["title"] for layer in got["layers"]] == [layer["title"] for layer in want["layers"]]
    for a, b in zip(got["layers"], want["layers"], strict=True):
        for column, values in b["columns"].items():
            assert a["columns"][column] == pytest.approx(values, rel=1e-9, abs=1e-15), (a["title"], column)
        for rows, twin in zip(a["statements"], b["statements"], strict=True):
            assert (rows["id"], rows["form"], rows["finding"]) == (twin["id"], twin["form"], twin["finding"])
        if b["second"] is None:
            continue
        assert a["second"]["whole"] == pytest.approx(b["second"]["whole"], rel=1e-9, abs=1e-18)
        assert a["second"]["probes"] == pytest.approx(b["second"]["probes"], rel=1e-9, abs=1e-15)
        for table in ("exact", "estimate", "error"):
            for form, values in b["second"][table].items():
                assert a["second"][table][form] == pytest.approx(values, rel=1e-9, abs=1e-15), (table, form)


@pytest.mark.parametrize("kind", ["sync", "torch-sync"])
def test_with_synchronised_statistics_it_is_the_audit_of_the_concatenated_batch(
    found: dict[str, list[dict[str, Any]]], kind: str
) -> None:
    here = worker()
    x, t = here.batch()
    want = audit(here.model(sync=True), F.cross_entropy, x, t, **here.OPTIONS)
    for rank, got in enumerate(found[kind]):
        assert [layer["synchronised"] for layer in got["layers"]] == [True, True]
        assert got["layers"][0]["columns"]["size"] == [200.0, 200.0]
        assert (got["environment"]["rank"], got["environment"]["processes"]) == (rank, 2)
        assert_same(got, plain(want))


def test_under_ddp_with_plain_batch_norm_it_is_each_ranks_own(
    found: dict[str, list[dict[str, Any]]],
) -> None:
    here = worker()
    x, t = here.batch()
    for rank, got in enumerate(found["ddp"]):
        half = slice(4 * rank, 4 * rank + 4)
        want = audit(here.model(sync=False), F.cross_entropy, x[half], t[half], **here.OPTIONS)
        assert got["layers"][0]["columns"]["size"] == [100.0, 100.0]
        assert [layer["synchronised"] for layer in got["layers"]] == [False, False]
        assert "this process's own" in got["environment"]["note"]
        assert_same(got, plain(want))


def test_the_recorder_under_ddp_records_each_ranks_own(
    found: dict[str, list[dict[str, Any]]],
) -> None:
    here = worker()
    x, t = here.batch()
    for rank, got in enumerate(found["ddp-recorder"]):
        half = slice(4 * rank, 4 * rank + 4)
        want = audit(here.model(sync=False), F.cross_entropy, x[half], t[half])
        assert_same(got, plain(want))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch's SyncBatchNorm needs a CUDA device")
def test_pytorchs_own_synchronised_layer_is_measured_right(tmp_path: Path) -> None:
    dist.init_process_group(
        "nccl" if dist.is_nccl_available() else "gloo",
        init_method=f"file://{tmp_path}/rendezvous",
        rank=0,
        world_size=1,
    )
    try:
        here = worker()
        x, t = here.batch()
        net = here.model(sync=False)
        want = audit(net, F.cross_entropy, x, t, second_order=True, probes=0)
        converted = nn.SyncBatchNorm.convert_sync_batchnorm(net)
        got = audit(converted, F.cross_entropy, x, t, device="cuda", second_order=True, probes=0)
        assert {layer.kind for layer in got.layers} == {"SyncBatchNorm"}
        assert got.failures == ()
        for a, b in zip(got.layers, want.layers, strict=True):
            assert a.columns["grad_in_sq"] == pytest.approx(b.columns["grad_in_sq"], rel=1e-9)
            assert a.second is not None
            assert b.second is not None
            assert a.second.whole == pytest.approx(b.second.whole, rel=1e-8)
    finally:
        dist.destroy_process_group()
