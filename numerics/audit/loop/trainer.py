"""The recorder as a callback of the Hugging Face Trainer: ``Trainer(..., callbacks=[AuditorCallback(every=100)])``."""

from __future__ import annotations

from typing import Any

from bnverify.numerics.audit.loop.auditor import Auditor

from bnverify.base.errors import InputError

try:
    from transformers import TrainerCallback
except ImportError:
    raise InputError(
        "AuditorCallback needs transformers, which is not installed; pip install bnverify[trainer], or use Auditor"
    ) from None


class AuditorCallback(TrainerCallback):
    """Records every ``every``-th optimizer step; accumulated batches are one record. The Trainer keeps the loss.

    Args:
        options: of `bnverify.numerics.audit.loop.auditor.Auditor`, all but the model.

    Attributes:
        auditor: the recorder, once the training has begun.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.auditor: Auditor | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        optimizer = getattr(given.get("optimizer"), "optimizer", given.get("optimizer"))
        options: dict[str, Any] = {"optimizer": optimizer} | self.options
        self.auditor = Auditor(given["model"], **options)
        self.auditor.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        if self.auditor is not None:
            self.auditor.step()

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        if self.auditor is not None:
            self.auditor.stop()
