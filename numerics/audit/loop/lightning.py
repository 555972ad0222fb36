"""The recorder as a callback of Lightning: ``Trainer(callbacks=[AuditorCallback(every=100)])``."""

from __future__ import annotations

from typing import Any

from bnverify.numerics.audit.loop.auditor import Auditor

from bnverify.base.errors import InputError

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    try:
        from pytorch_lightning.callbacks import Callback  # type: ignore[assignment, unused-ignore]
    except ImportError:
        raise InputError(
            "AuditorCallback needs Lightning, which is not installed; pip install bnverify[lightning], or use Auditor"
        ) from None


class AuditorCallback(Callback):
    """Records every ``every``-th optimizer step of a fit; accumulated batches are one record.

    Args:
        options: of `bnverify.numerics.audit.loop.auditor.Auditor`, all but the model.

    Attributes:
        auditor: the recorder, once the fit has begun.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options
        self.auditor: Auditor | None = None
        self._loss: Any = None
        self._done = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        given: dict[str, Any] = {
            "optimizer": trainer.optimizers[0] if trainer.optimizers else None
        } | self.options
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            given.setdefault("scale", scaler)
        self.auditor = Auditor(pl_module, **given)
        self.auditor.start()
        self._done = trainer.global_step

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        self._loss = loss

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.auditor is not None and trainer.global_step != self._done:
            self.auditor.step(self._loss)
            self._done = trainer.global_step
        self._loss = None

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if self.auditor is not None:
            self.auditor.stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self.on_train_end(trainer, pl_module)
