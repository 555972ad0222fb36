"""A model of a library by its name, small and with random weights, and a batch for it; nothing is downloaded."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from types import ModuleType
from typing import Any

import torch
from bnverify.numerics.audit.factory import Subject, told
from torch import Tensor, nn
from torch import library as operators

from bnverify.base.errors import InputError

CLASSES, SAMPLES, TOKENS = 10, 4, 12

SMALL = {
    "hidden_size": 32,
    "d_model": 32,
    "n_embd": 32,
    "dim": 32,
    "embedding_size": 32,
    "embed_dim": 32,
    "word_embed_proj_dim": 32,
    "state_size": 8,
    "d_kv": 8,
    "head_dim": 8,
    "num_hidden_layers": 2,
    "num_layers": 2,
    "n_layer": 2,
    "n_layers": 2,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "num_decoder_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "num_heads": 4,
    "n_head": 4,
    "n_heads": 4,
    "intermediate_size": 64,
    "moe_intermediate_size": 32,
    "ffn_dim": 64,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "d_ff": 64,
    "hidden_dim": 64,
    "n_inner": 64,
    "num_local_experts": 4,
    "num_experts": 4,
    "vocab_size": 99,
    "max_position_embeddings": 64,
    "n_positions": 64,
    "image_size": 32,
    "patch_size": 8,
    "num_labels": CLASSES,
}
"""What a configuration of transformers is made smaller by, where it has such a number."""


def from_library(name: str, seed: int = 0) -> Subject:
    """The model of ``timm:NAME``, ``torchvision:NAME`` or ``transformers:NAME`` with a random batch.

    NAME of transformers is a model type, such as llama or bert.

    Raises:
        InputError: the library is unknown or not installed, has no such model, or cannot build a small one.
    """
    library, colon, model = name.partition(":")
    if library not in _BUILDERS or not colon or not model:
        known = ", ".join(f"{key}:NAME" for key in _BUILDERS)
        raise InputError(f"--from {name}: expected {known}, such as timm:resnet18")
    try:
        imported(library)
    except ImportError:
        raise InputError(
            f"--from {name} needs {library}, which is not installed: pip install bnverify[models]"
        ) from None
    with offline(), torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            return _BUILDERS[library](model)
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"--from {name}: {library} cannot build it ({told(error)}); build it in a FILE.py"
            ) from None


def imported(library: str) -> ModuleType:
    """The library, which may itself need torchvision, whose compiled operators are of another build than PyTorch's.

    A CPU build of PyTorch cannot load them from the build for CUDA that the package index has. Their names alone let
    everything else be imported; a model that calls one fails then, and says so.

    Raises:
        ImportError: it is not installed.
    """
    for _ in range(32):
        try:
            with contextlib.suppress(ImportError):
                importlib.import_module("torchvision")
            return importlib.import_module(library)
        except RuntimeError as error:
            absent = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if absent is None:
                raise
            _OPERATORS.define(f"{absent[1]}(Tensor x) -> Tensor")
            broken = ("torchvision", library.partition(".")[0])
            for name in [name for name in sys.modules if name.partition(".")[0] in broken]:
                del sys.modules[name]
    raise ImportError(library)


_OPERATORS = operators.Library("torchvision", "FRAGMENT")


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """No library asks a server for weights."""
    before = {key: os.environ.get(key) for key in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    os.environ.update(dict.fromkeys(before, "1"))
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


def _known(name: str, names: list[str], library: str) -> None:
    if name not in names:
        near = get_close_matches(name, names, n=1, cutoff=0.0)
        raise InputError(
            f"--from {library}:{name}: there is no such model; did you mean {library}:{near[0]}?"
        )


def _fits(model: nn.Module, images: Tensor) -> bool:
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(images)
    except (RuntimeError, AssertionError, ValueError, IndexError):
        return False
    finally:
        model.train(training)
    return True


def _images(model: nn.Module, sizes: list[tuple[int, int, int]]) -> Tensor:
    """Images of the first size that the model takes."""
    for size in sizes:
        images = torch.randn(SAMPLES, *size)
        if _fits(model, images):
            return images
    return torch.randn(SAMPLES, *sizes[-1])


def _timm(name: str) -> Subject:
    import timm

    _known(name.partition(".")[0], timm.list_models(), "timm")
    own = timm.create_model(name, pretrained=False, num_classes=CLASSES)
    size = getattr(own, "default_cfg", {}).get("input_size", (3, 224, 224))
    images = _images(own, [(size[0], 64, 64), (size[0], 128, 128), size])
    return Subject(own, None, images, None, (f"{SAMPLES} random images of {tuple(images.shape[1:])}",))


def _torchvision(name: str) -> Subject:
    from torchvision import models

    _known(name, models.list_models(), "torchvision")
    options: dict[str, Any] = {"weights": None, "num_classes": CLASSES}
    builder = models.get_model_builder(name)
    accepted = inspect.signature(builder).parameters
    if "weights_backbone" in accepted:
        options["weights_backbone"] = None
    if "init_weights" in accepted or name in ("inception_v3", "googlenet"):
        options["init_weights"] = True
    own = builder(**options)
    images = _images(own, [(3, 64, 64), (3, 128, 128), (3, 224, 224), (3, 299, 299)])
    return Subject(own, None, images, None, (f"{SAMPLES} random images of {tuple(images.shape[1:])}",))


def _transformers(name: str) -> Subject:
    from transformers.models.auto import configuration_auto

    _known(name, list(configuration_auto.CONFIG_MAPPING.keys()), "transformers")
    kind: Any = configuration_auto.CONFIG_MAPPING[name]
    whole = kind()
    small = {key: value for key, value in SMALL.items() if isinstance(getattr(whole, key, None), int)}
    # Some configurations list what each layer is or how wide, so that one number cannot be changed alone.
    tries = [
        small,
        {key: value for key, value in small.items() if "layer" not in key},
        {key: value for key, value in small.items() if key in (*FREE, "num_hidden_layers")},
        {key: value for key, value in small.items() if key in FREE},
        {"num_labels": CLASSES},
    ]
    refused: Exception | None = None
    for changes in tries:
        try:
            return _small(name, kind(**changes))
        except Exception as error:
            refused = refused or error
    assert refused is not None
    raise refused


FREE = ("vocab_size", "num_labels", "image_size")
"""Numbers that no other has to fit."""
MOST = 150_000_000
"""Parameters of a model that is called small."""


def _small(name: str, config: Any) -> Subject:
    """The model of a configuration, where it is small and takes the batch.

    Raises:
        Exception: it does not.
    """
    import transformers

    for key in ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"):
        token = getattr(config, key, None)
        if isinstance(token, int) and token >= getattr(config, "vocab_size", token + 1):
            setattr(config, key, 1)
    tasks = ("Seq2SeqLM", "CausalLM", "MaskedLM", "ImageClassification", "SequenceClassification")
    known = {task: getattr(transformers, f"AutoModelFor{task}") for task in tasks}
    task = next((task for task in tasks if type(config) in known[task]._model_mapping), "")
    build = known.get(task, transformers.AutoModel)
    if task == "Seq2SeqLM" and getattr(config, "decoder_start_token_id", None) is None:
        config.decoder_start_token_id = 0
    size = 0
    with contextlib.suppress(RuntimeError), torch.device("meta"):
        # A model that reads numbers while it is built cannot be built without them, and is not counted.
        size = sum(p.numel() for p in build.from_config(config).parameters())
    if size > MOST:
        raise InputError(
            f"--from transformers:{name}: {size:,} parameters are too many; build it in a FILE.py"
        )
    own = build.from_config(config)
    batch = _batch(task, config, own)
    with torch.no_grad():
        own.eval()(**batch)
    if task:
        return Subject(own.train(), None, batch, None, (f"a small {name} for {task}, with its own loss",))
    loss = lambda out: out[0].square().mean()  # noqa: E731
    return Subject(own.train(), loss, batch, None, (f"a small {name}, mean square",))


def _batch(task: str, config: Any, own: nn.Module) -> dict[str, Any]:
    if getattr(own, "main_input_name", "input_ids") == "pixel_values":
        side = getattr(config, "image_size", 32)
        height, width = side if isinstance(side, list | tuple) else (side, side)
        images = torch.randn(SAMPLES, getattr(config, "num_channels", 3), height, width)
        return {"pixel_values": images} | ({"labels": torch.randint(CLASSES, (SAMPLES,))} if task else {})
    ids = torch.randint(5, config.vocab_size, (SAMPLES, TOKENS))
    mask = torch.ones_like(ids)
    mask[1, TOKENS - 3 :] = 0
    batch = {"input_ids": ids}
    if "attention_mask" in inspect.signature(own.forward).parameters:
        batch["attention_mask"] = mask
    if task == "SequenceClassification":
        batch["labels"] = torch.randint(getattr(config, "num_labels", 2), (SAMPLES,))
    elif task:
        batch["labels"] = ids.masked_fill(mask == 0, -100)
    return batch


_BUILDERS: dict[str, Callable[[str], Subject]] = {
    "timm": _timm,
    "torchvision": _torchvision,
    "transformers": _transformers,
}
