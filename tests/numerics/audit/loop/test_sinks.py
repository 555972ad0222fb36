"""Records in files and trackers, and in the loops of Lightning and the Hugging Face Trainer."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.loop.auditor import Auditor
from bnverify.numerics.audit.sources import imported
from torch import nn

from bnverify.base.errors import InputError


def train(sink: Any, steps: int = 4) -> Auditor:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))
    with Auditor(model, every=2, sink=sink) as auditor:
        for _ in range(steps):
            loss = F.cross_entropy(model(torch.randn(16, 4)), torch.randint(0, 2, (16,)))
            loss.backward()
            auditor.step(loss)
    return auditor


def test_json_lines_hold_every_record(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    auditor = train(str(path))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines] == [0, 2]
    assert lines[0]["layers"][0]["name"] == "1"
    assert lines[0]["loss"] == pytest.approx(auditor.records[0].loss, rel=1e-5)


def test_csv_holds_a_line_a_layer_and_step(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    auditor = train(str(path))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["layer"]) for row in rows] == [("0", "1"), ("2", "1")]
    want = auditor.records[1].layers[0].sums["grad_in_sq"]
    assert float(rows[1]["grad_in_sq_sum"]) == pytest.approx(want, rel=1e-5)


def test_parquet_holds_the_same(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "audit.parquet"
    train(str(path))
    assert parquet.read_table(path).column("step").to_pylist() == [0, 2]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_holds_scalars(tmp_path: Path) -> None:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(f"tensorboard:{tmp_path}")
    events = loader.EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Scalars("audit/1/gradient_in")] == [0, 2]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_tracker_gets_finite_numbers_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracker stands in for a service that needs an account; its one function is what is called of it."""
    told: list[tuple[dict[str, float], Any]] = []
    module = ModuleType(name)
    module.log = lambda values: told.append((values, values["audit/step"]))  # type: ignore[attr-defined]
    module.log_metrics = lambda values, step: told.append((values, step))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)
    train(name)
    assert [step for _, step in told] == [0, 2]
    assert {"audit/loss", "audit/1/gradient_in"} <= set(told[0][0])


def test_a_tracker_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InputError, match="needs wandb"):
        train("wandb")


def test_a_sink_that_breaks_is_left_and_the_training_goes_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))
    with Auditor(model, every=1, sink=str(tmp_path / "audit.jsonl")) as auditor:
        for step in range(3):
            if step == 1:
                auditor.sinks[0].close()
            loss = model(torch.randn(16, 4)).square().mean()
            loss.backward()
            if step == 1:
                with pytest.warns(UserWarning, match="no longer writes"):
                    auditor.step(loss)
            else:
                auditor.step(loss)
    assert len(auditor.records) == 3


def library(name: str) -> Any:
    """A module, or a skip where it is missing; the torchvision that it may need is made to load beside any PyTorch."""
    try:
        return imported(name)
    except ImportError as error:
        pytest.skip(f"{name} cannot be imported: {error}")


class Data(torch.utils.data.Dataset[Any]):
    def __len__(self) -> int:
        return 64

    def __getitem__(self, place: int) -> Any:
        generator = torch.Generator().manual_seed(place)
        return {"x": torch.randn(4, generator=generator), "labels": torch.tensor(place % 2)}


@pytest.mark.filterwarnings("ignore")
def test_the_callback_of_lightning_records_optimizer_steps(tmp_path: Path) -> None:
    lightning = library("lightning.pytorch")
    from bnverify.numerics.audit.loop.lightning import AuditorCallback

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(
                nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)
            )

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return F.cross_entropy(self.net(batch["x"]), batch["labels"])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.01)

    callback = AuditorCallback(every=2)
    trainer = lightning.Trainer(
        max_epochs=1,
        callbacks=[callback],
        accelerator="cpu",
        accumulate_grad_batches=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(Data(), batch_size=8))
    assert callback.auditor is not None
    assert [record.step for record in callback.auditor.records] == [0, 2]
    assert callback.auditor.records[0].rate == 0.01
    assert callback.auditor.records[1].micro == 2
    assert callback.auditor.records[0].layers[0].name == "net.1"


@pytest.mark.filterwarnings("ignore")
def test_the_callback_of_the_trainer_records_optimizer_steps(tmp_path: Path) -> None:
    library("accelerate")
    transformers = library("transformers")
    library("transformers.trainer")
    from bnverify.numerics.audit.loop.trainer import AuditorCallback

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 6, bias=False), nn.LayerNorm(6), nn.ReLU(), nn.Linear(6, 2))

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> Any:
            out = self.net(x)
            return {"loss": F.cross_entropy(out, labels), "logits": out}

    callback = AuditorCallback(every=2)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=4,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=2,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        disable_tqdm=True,
    )
    transformers.Trainer(Model(), arguments, train_dataset=Data(), callbacks=[callback]).train()
    assert callback.auditor is not None
    assert callback.auditor.trouble == ""
    assert [record.step for record in callback.auditor.records] == [0, 2]
    assert callback.auditor.records[0].micro == 2
    assert callback.auditor.records[0].layers[0].name == "net.1"
