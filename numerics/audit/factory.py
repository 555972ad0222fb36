"""What a person names on the command line: a model in a file, its loss, and one batch of data."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from bnverify.numerics.audit.passes import LossFn, unwrap
from torch import Tensor, nn

import bnverify
from bnverify.base.errors import InputError

_FOLDERS = (Path(__file__).resolve().parents[1], Path(bnverify.__file__).resolve().parent)

LOSSES = ("auto", "cross-entropy", "mse", "mean-square")


@dataclass(frozen=True)
class Subject:
    """A model with what it is audited on. ``notes`` say what was chosen in the person's place."""

    model: nn.Module
    loss_fn: LossFn | None = None
    inputs: Any = None
    targets: Any = None
    notes: tuple[str, ...] = ()


def load_subject(target: str) -> Subject:
    """The model of ``FILE.py:FACTORY``.

    The factory takes no arguments and returns a module, a tuple (model, loss_fn[, inputs[, targets]]), or a dict with
    these keys.

    Raises:
        InputError: the file or the factory is not there, the factory raises, or what it returns is none of these.
    """
    factory = _named(target, "FILE.py:FACTORY")
    made = _call(factory, target)
    if isinstance(made, nn.Module):
        return Subject(made)
    fields = ("model", "loss_fn", "inputs", "targets")
    if isinstance(made, dict) and set(made) <= set(fields):
        subject = dict(made)
    elif isinstance(made, tuple | list) and 1 <= len(made) <= 4:
        subject = dict(zip(fields, made, strict=False))
    else:
        raise InputError(
            f"{target} returned {_described(made)}; expected a torch.nn.Module, a tuple (model, loss_fn, inputs, "
            "targets) or a dict with these keys"
        )
    if not isinstance(subject.get("model"), nn.Module):
        raise InputError(
            f"{target} returned {type(subject.get('model')).__name__} as its model; expected a torch.nn.Module"
        )
    loss_fn = subject.get("loss_fn")
    if loss_fn is not None and not callable(loss_fn):
        raise InputError(
            f"{target} returned {type(loss_fn).__name__} as its loss_fn; expected a function of (outputs, targets)"
        )
    return Subject(**subject)


def _described(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__} and not a module made of it"
    if isinstance(value, dict):
        return f"a dict with {', '.join(map(str, value)) or 'nothing'}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return type(value).__name__


def _named(target: str, form: str) -> Callable[..., Any]:
    path, colon, name = target.rpartition(":")
    if not colon or not path or not name:
        raise InputError(f"{target!r} names no function; expected {form}, for instance model.py:make")
    module = _module(Path(path))
    found = getattr(module, name, None)
    if found is None:
        own = [
            key
            for key, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", None) == module.__name__
        ]
        near = get_close_matches(name, own, n=1, cutoff=0.0)
        hint = f"did you mean {near[0]}?" if near else "it defines no function"
        raise InputError(f"{path} has no {name!r}; {hint}")
    if not callable(found):
        raise InputError(f"{target} is {type(found).__name__}; expected a function or a class")
    return found


def _module(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"{path} is not a file; expected a Python file with the factory, as FILE.py:FACTORY")
    name = f"_bnverify_subject_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file; expected a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        # The file imports its neighbours, at once or when the factory runs.
        sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except InputError:
        raise
    except SystemExit as error:
        raise InputError(f"{path} ends the program when it is imported ({_ended(error)}") from None
    except Exception as error:
        raise InputError(
            f"{path} cannot be imported: {told(error)}; run it with python to see all of it"
        ) from None
    return module


def _call(function: Callable[..., Any], target: str) -> Any:
    try:
        return function()
    except InputError:
        raise
    except SystemExit as error:
        raise InputError(f"{target} ends the program ({_ended(error)}") from None
    except Exception as error:
        hint = (
            "it must take no arguments"
            if _needs_arguments(function)
            else "call it in Python to see all of it"
        )
        raise InputError(f"{target} raised {told(error)}; {hint}") from None


def _ended(error: SystemExit) -> str:
    return f"SystemExit: {error}); put what runs as a script under if __name__ == '__main__'"


def _needs_arguments(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return True
    except ValueError:
        return False
    return False


def told(error: BaseException) -> str:
    """An exception in one line, with the place in the person's own code that raised it."""
    text = (str(error).strip() or "no message").splitlines()[0]
    frame = own_frame(error)
    place = f" ({Path(frame.filename).name}:{frame.lineno})" if frame else ""
    return f"{type(error).__name__}: {text}{place}"


def own_frame(error: BaseException) -> traceback.FrameSummary | None:
    """The innermost frame that is neither an installed package's nor Python's own."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [
        frame
        for frame in frames
        if "site-packages" not in frame.filename
        and not frame.filename.startswith(("<", sys.base_prefix + "/lib"))
        and not _in_bnverify(frame.filename)
    ]
    return mine[-1] if mine else None


def raised_by_subject(error: BaseException) -> bool:
    """Whether the person's model or loss raised the error, or PyTorch called by them, and not this package.

    `bnverify.numerics.audit.passes` calls both, and `functions` watches every call below them; no other module of this
    package is on the way.
    """
    ours = [
        Path(f.filename).stem for f in traceback.extract_tb(error.__traceback__) if _in_bnverify(f.filename)
    ]
    return bool(ours) and ours[-1] in ("passes", "functions", "watching")


def _in_bnverify(filename: str) -> bool:
    here = Path(filename).resolve()
    return any(here.is_relative_to(folder) for folder in _FOLDERS)


def with_data(subject: Subject, data: str | None, batch_size: int, loss: str, seed: int) -> Subject:
    """The subject with one batch and a loss.

    Args:
        data: ``FILE.py:FUNCTION`` (a batch (inputs, targets), a Dataset or a DataLoader), ``FILE.pt`` or ``FILE.npz``
            with inputs and targets, ``digits`` (scikit-learn's, 1 x 8 x 8), ``normal:3x32x32`` (random numbers);
            None takes what the factory returned, whole: its first dimension may be anything.
        batch_size: the most samples to take from ``data``.
        loss: one of `LOSSES`; auto keeps the factory's, or chooses by the targets.

    Raises:
        InputError: there is no data, it cannot be read, or the loss is unknown.
    """
    if batch_size < 1:
        raise InputError(f"batch size {batch_size}; expected at least 2")
    if loss not in LOSSES:
        raise InputError(f"loss {loss!r} is unknown; expected one of {', '.join(LOSSES)}")
    if data is not None:
        inputs, targets, notes = _batch(data, batch_size, seed)
        subject = replace(subject, inputs=inputs, targets=targets, notes=notes)
    elif subject.inputs is None:
        raise InputError(
            "there is no data: the factory returns no inputs; return (model, loss_fn, inputs, targets) from it, or "
            "give --data FILE.py:FUNCTION, --data FILE.pt or --data normal:3x32x32"
        )
    if loss == "auto" and subject.loss_fn is None and _labelled(subject.inputs):
        subject = replace(subject, notes=(*subject.notes, "the loss is the one that the model returns"))
    elif loss != "auto" or subject.loss_fn is None:
        chosen, note = _loss(loss, subject.targets, seed)
        subject = replace(subject, loss_fn=chosen, notes=(*subject.notes, *note))
    return replace(subject, model=unwrap(subject.model))


def _labelled(inputs: Any) -> bool:
    """A batch of keyword arguments with labels, whose model returns its loss."""
    return isinstance(inputs, Mapping) and any(
        key in inputs for key in ("labels", "start_positions", "label")
    )


def _batch(data: str, batch_size: int, seed: int) -> tuple[Any, Any, tuple[str, ...]]:
    if data.startswith("normal:"):
        return _normal(data, batch_size, seed), None, ("inputs are standard normal numbers",)
    if data == "digits":
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images = torch.as_tensor(bunch.images[:batch_size], dtype=torch.float32).unsqueeze(1) / 16
        return (
            images,
            torch.as_tensor(bunch.target[:batch_size]),
            ("inputs are scikit-learn's digits, 1 x 8 x 8",),
        )
    if ":" in data:
        return (*_first_batch(_call(_named(data, "FILE.py:FUNCTION"), data), batch_size, data), ())
    path = Path(data)
    if not path.is_file():
        raise InputError(
            f"--data {data}: no such file; expected FILE.py:FUNCTION, FILE.pt, FILE.npz, digits or normal:3x32x32"
        )
    return (*_first_batch(_stored(path), batch_size, data), ())


def _normal(data: str, batch_size: int, seed: int) -> Tensor:
    text = data.removeprefix("normal:")
    try:
        shape = [int(part) for part in text.split("x")]
    except ValueError:
        shape = []
    if not shape or min(shape) < 1:
        raise InputError(
            f"--data {data}: expected the shape of one sample after normal:, such as normal:3x32x32"
        )
    return torch.randn(batch_size, *shape, generator=torch.Generator().manual_seed(seed))


def _stored(path: Path) -> Any:
    try:
        if path.suffix == ".npz":
            import numpy as np

            with np.load(path) as file:
                return {key: torch.as_tensor(file[key]) for key in file.files}
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"--data {path} cannot be read ({type(error).__name__}); expected tensors saved by torch.save in .pt, or "
            "arrays in .npz"
        ) from None


def _first_batch(found: Any, batch_size: int, data: str) -> tuple[Any, Any]:
    if isinstance(found, dict):
        lower = {str(key).lower(): value for key, value in found.items()}
        inputs = next((lower[key] for key in ("inputs", "x", "images", "data") if key in lower), None)
        targets = next((lower[key] for key in ("targets", "y", "labels", "target") if key in lower), None)
        if inputs is None:
            raise InputError(
                f"--data {data} has {', '.join(found) or 'nothing'}; expected inputs and targets (or x and y)"
            )
        return _head(inputs, batch_size), _head(targets, batch_size)
    if isinstance(found, Tensor):
        return _head(found, batch_size), None
    if isinstance(found, tuple | list):
        if len(found) == 2:
            return _head(found[0], batch_size), _head(found[1], batch_size)
        raise InputError(
            f"--data {data} gave a {type(found).__name__} of {len(found)}; expected a pair (inputs, targets), where "
            "inputs may be a tuple or a dict of several"
        )
    samples = _samples(found, batch_size)
    if samples:
        batch = torch.utils.data.default_collate(samples)
        return _first_batch(batch, batch_size, data)
    if isinstance(found, Iterable) and not isinstance(found, str | bytes):
        first = next(iter(islice(found, 1)), None)
        if isinstance(first, list | tuple | dict | Tensor):
            return _first_batch(first, batch_size, data)
    raise InputError(
        f"--data {data} gave {type(found).__name__}; expected (inputs, targets), a Dataset or a DataLoader"
    )


def _samples(found: Any, count: int) -> list[Any]:
    """The first samples of a Dataset, whichever its style; none of anything else."""
    if isinstance(found, torch.utils.data.IterableDataset):
        return list(islice(found, count))
    if not isinstance(found, torch.utils.data.Dataset) or not hasattr(found, "__len__"):
        return []
    return [found[i] for i in range(min(count, len(found)))]


def _head(value: Any, count: int) -> Any:
    if isinstance(value, Tensor):
        return value[:count] if value.dim() else value
    if isinstance(value, dict):
        return {key: _head(item, count) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_head(item, count) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(_head(item, count) for item in value)
    return value


def _loss(loss: str, targets: Any, seed: int) -> tuple[LossFn, tuple[str, ...]]:
    if loss == "auto":
        if targets is None:
            return _random_labels(seed), ("there are no targets: cross-entropy against random classes",)
        whole = isinstance(targets, Tensor) and not targets.is_floating_point()
        loss = "cross-entropy" if whole else "mse"
        note: tuple[str, ...] = (f"the loss is {'cross-entropy' if whole else 'the mean squared error'}",)
    else:
        note = ()
    if loss != "mean-square" and targets is None:
        raise InputError(f"--loss {loss} needs targets, and there are none; use --loss mean-square or auto")
    if loss == "mean-square":
        return (lambda outputs, targets=None: _output(outputs).square().mean()), note
    measure = F.cross_entropy if loss == "cross-entropy" else F.mse_loss
    return (lambda outputs, targets: measure(_output(outputs), targets)), note


def _output(outputs: Any) -> Tensor:
    """The tensor that a model's output is, or holds as its logits or first field."""
    for name in ("logits", "out"):
        if not isinstance(outputs, Tensor) and hasattr(outputs, name):
            outputs = getattr(outputs, name)
    if isinstance(outputs, dict):
        outputs = outputs.get("logits", outputs.get("out", next(iter(outputs.values()), None)))
    if isinstance(outputs, list | tuple) and outputs:
        outputs = outputs[0]
    if not isinstance(outputs, Tensor):
        raise InputError(
            f"the model's output is {type(outputs).__name__}; return a loss_fn for it from the factory"
        )
    return outputs


def _random_labels(seed: int) -> LossFn:
    def loss(outputs: Any) -> Tensor:
        scores = _output(outputs)
        if scores.dim() < 2:
            raise InputError(
                f"the model's output has shape {tuple(scores.shape)}; give targets, or --loss mean-square"
            )
        shape = (scores.shape[0], *scores.shape[2:])
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(scores.shape[1], shape, generator=generator)
        return F.cross_entropy(scores, labels.to(scores.device))

    return loss
