"""Models of other libraries under the audit, each beside an autograd reference that shares nothing with it.

    python tests/numerics/audit/survey.py --out notes/results/audit-models.md

Of every model: layer calls that the reference sees, that the audit covers, and whose two squared gradient norms agree;
what stays uncovered; and the time of the audit over that of a plain forward and backward pass of the same dtype. The
reference adds a zero to the input and to the output of every normalisation function, and of every module that the audit
recognised, and differentiates with respect to the zeros. The models that a former run finished, in the JSON lines
beside the table, are not run again. ``--time`` also times every audit; a machine should do nothing else then.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import signal
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from bnverify.experiments.bench.resnet import resnet
from bnverify.numerics.audit.factory import Subject, with_data
from bnverify.numerics.audit.loop.auditor import Auditor
from bnverify.numerics.audit.passes import loss_of
from bnverify.numerics.audit.run import audit
from bnverify.numerics.audit.sources import from_library, imported
from bnverify.numerics.audit.subject import Subject as Audited
from bnverify.numerics.audit.subject import cast
from torch import Tensor, nn

TIMM = """
    resnet10t resnetv2_50d_gn efficientnet_lite0 mobilenetv3_small_050 convnext_atto convnextv2_atto
    vit_tiny_patch16_224 deit_tiny_patch16_224 swin_s3_tiny_224 coat_lite_tiny pit_ti_224 levit_128s
    mixer_s32_224 poolformer_s12 edgenext_xx_small mobilevit_xxs ghostnet_050 regnety_002 dla46_c
    densenet121 repvgg_a0 rexnet_100 efficientvit_b0 fastvit_t8 inception_next_atto xcit_nano_12_p16_224
    crossvit_tiny_240 mambaout_femto hgnetv2_b0 starnet_s1 eva02_tiny_patch14_224 visformer_tiny selecsls42
    test_vit
""".split()  # noqa: SIM905
TRANSFORMERS = """
    bert roberta distilbert albert electra deberta-v2 gpt2 gpt_neo gpt_neox opt llama mistral mixtral qwen2
    qwen3 gemma gemma2 phi phi3 t5 bart mamba olmo2 starcoder2 bloom vit convnext dinov2 swin resnet
""".split()  # noqa: SIM905
TORCHVISION = """
    resnet18 mobilenet_v3_small shufflenet_v2_x0_5 efficientnet_b0 swin_t regnet_y_400mf mnasnet0_5
    googlenet convnext_tiny lraspp_mobilenet_v3_large
""".split()  # noqa: SIM905
AGREES = 1e-9
"""Relative difference of a squared gradient norm from the reference in float64, and 1e-3 in float32."""


def _mean_square(out: Any) -> Tensor:
    found = out if isinstance(out, Tensor) else getattr(out, "sample", None)
    return (out[0] if found is None else found).square().mean()


def _diffusers(name: str) -> Subject:
    lib = imported("diffusers")
    x, t = torch.randn(2, 4, 16, 16), torch.tensor([3, 7])
    match name:
        case "unet":
            model = lib.UNet2DModel(16, 4, 4, block_out_channels=(32, 64), norm_num_groups=8, layers_per_block=1,
                                    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                                    up_block_types=("AttnUpBlock2D", "UpBlock2D"))  # fmt: skip
            inputs: dict[str, Any] = {"sample": x, "timestep": t}
        case "unet-condition":
            model = lib.UNet2DConditionModel(16, 4, 4, block_out_channels=(32, 64), norm_num_groups=8,
                                             layers_per_block=1, cross_attention_dim=16, attention_head_dim=8,
                                             down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                                             up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"))  # fmt: skip
            inputs = {"sample": x, "timestep": t, "encoder_hidden_states": torch.randn(2, 5, 16)}
        case "autoencoder-kl":
            model = lib.AutoencoderKL(4, 4, ("DownEncoderBlock2D",) * 2, ("UpDecoderBlock2D",) * 2, (16, 32),
                                      norm_num_groups=8)  # fmt: skip
            inputs = {"sample": x}
        case "dit":
            model = lib.DiTTransformer2DModel(2, 8, 4, num_layers=2, sample_size=16, norm_num_groups=8)
            inputs = {"hidden_states": x, "timestep": t, "class_labels": torch.tensor([1, 2])}
        case _:
            model = lib.PixArtTransformer2DModel(2, 8, 4, 8, num_layers=2, cross_attention_dim=16, sample_size=16,
                                                 caption_channels=16, use_additional_conditions=False)  # fmt: skip
            inputs = {"hidden_states": x, "timestep": t, "encoder_hidden_states": torch.randn(2, 5, 16)}
    return Subject(model.train(), _mean_square, inputs)


def _segmentation(name: str) -> Subject:
    lib = imported("segmentation_models_pytorch")
    model = lib.create_model(name, encoder_name="resnet18", encoder_weights=None, classes=3)
    side = 256 if name == "pan" else 64
    return Subject(model.train(), _mean_square, torch.randn(2, 3, side, side))


def _graph(name: str) -> Subject:
    lib = imported("torch_geometric.nn")
    kind, _, norm = name.partition("+")
    model = getattr(lib, kind)(8, 16, 3, 4, norm=norm)
    edges = torch.randint(0, 20, (2, 60))
    return Subject(model.train(), _mean_square, {"x": torch.randn(20, 8), "edge_index": edges})


def models() -> dict[str, Callable[[], Subject]]:
    """Name -> what builds the model with its batch and loss."""
    named = [f"transformers:{name}" for name in TRANSFORMERS] + [f"timm:{name}" for name in TIMM]
    named += [f"torchvision:{name}" for name in TORCHVISION]
    found: dict[str, Callable[[], Subject]] = {
        name: lambda name=name: with_data(from_library(name), None, 4, "auto", 0)  # type: ignore[misc]
        for name in named
    }
    for library, build, names in (
        ("diffusers", _diffusers, ("unet", "unet-condition", "autoencoder-kl", "dit", "pixart")),
        ("smp", _segmentation, ("unet", "unetplusplus", "fpn", "linknet", "pan", "manet", "deeplabv3plus")),
        (
            "pyg",
            _graph,
            ("GCN+BatchNorm", "GraphSAGE+LayerNorm", "GIN+BatchNorm", "GAT+InstanceNorm", "GCN+GraphNorm"),
        ),
    ):
        found |= {f"{library}:{name}": lambda b=build, n=name: b(n) for name in names}  # type: ignore[misc]
    return found


class Reference:
    """Zeros added before and after every normalisation, by patching the functions and the named modules."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        self.modules, self.inside = modules, False
        self.seen: list[tuple[Tensor, Tensor]] = []

    def between(self, call: Callable[[Tensor], Any], y: Tensor) -> Any:
        if self.inside:
            return call(y)
        before = torch.zeros_like(y, requires_grad=True)
        self.inside = True
        try:
            z = call(y + before)
        finally:
            self.inside = False
        after = torch.zeros_like(z, requires_grad=True)
        self.seen.append((before, after))
        return z + after

    @contextmanager
    def on(self) -> Iterator[None]:
        own = {
            name: getattr(F, name)
            for name in ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "normalize")
        }
        own_torch = {name: getattr(torch, name) for name in own if hasattr(torch, name)}

        def wrapped(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
            def run(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
                if input.is_leaf and input.requires_grad:
                    # A weight and no activation.
                    return function(input, *args, **kwargs)
                out: Tensor = self.between(lambda y: function(y, *args, **kwargs), input)
                return out

            return run

        for space, functions in ((F, own), (torch, own_torch)):
            for name, function in functions.items():
                setattr(space, name, wrapped(function))
        for module in self.modules.values():
            forward = module.forward
            module.forward = lambda x, *args, forward=forward, **kwargs: self.between(
                lambda y: forward(y, *args, **kwargs), x
            )
        try:
            yield
        finally:
            for space, functions in ((F, own), (torch, own_torch)):
                for name, function in functions.items():
                    setattr(space, name, function)


def measured(name: str, timed: bool = False) -> dict[str, Any]:
    """What the audit and the reference say of one model, and with ``timed`` how long the audit takes."""
    torch.manual_seed(0)
    subject = models()[name]()
    model, inputs, loss_fn = subject.model, subject.inputs, subject.loss_fn
    torch.manual_seed(1)
    report = audit(model, loss_fn, inputs, subject.targets, dtype=torch.float64)
    note = report.environment["dtype_note"]
    dtype = None if note else torch.float64
    twin = cast(Audited(model, loss_fn, inputs, subject.targets), dtype, torch.device("cpu"))
    # The reference cannot reach what is written out inside a module; tests hold those numbers.
    inline = [layer for layer in report.layers if layer.recognised.endswith("written out in place")]
    recognised = {layer.name for layer in report.layers if layer.recognised and layer not in inline}
    every = dict(twin.model.named_modules())
    reference = Reference({one: every[one] for one in recognised})
    torch.manual_seed(1)
    with reference.on():
        loss = loss_of(twin.model, twin.loss_fn, twin.inputs, twin.targets)
    zeros = [zero for pair in reference.seen for zero in pair]
    grads = torch.autograd.grad(loss, zeros, allow_unused=True)
    want = [
        (float(v.double().square().sum()), float(g.double().square().sum()))
        for v, g in zip(grads[::2], grads[1::2], strict=True)
        if v is not None and g is not None
    ]
    plain = [layer for layer in report.layers if layer not in inline]
    got = [(layer.total("grad_in_sq"), layer.total("grad_out_sq")) for layer in plain]
    loose = AGREES if dtype is torch.float64 else 1e-3
    agree = sum(_near(a, b, loose) for a, b in zip(got, want, strict=False)) if len(got) == len(want) else 0
    agree = agree or sum(any(_near(a, b, loose) for b in want) for a in got)
    return {
        "model": name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "found": len(want) + len({item.name for item in report.not_covered}),
        "covered": len(got),
        "agree": agree,
        "recognised": len([layer for layer in report.layers if layer.recognised]),
        "right": sum(layer.backward is not None and layer.backward.verdict == "right" for layer in plain),
        "inline": len(inline),
        "failures": len(report.failures),
        "uncovered": [f"{item.name} ({item.what})" for item in report.not_covered],
        "dtype": "float64" if dtype is torch.float64 else "its own",
        "ratio": {
            str(d).removeprefix("torch."): _ratio(subject, d)
            for d in (_dtypes(model, dtype) if timed else [])
        },
    }


def _dtypes(model: nn.Module, dtype: torch.dtype | None) -> list[torch.dtype]:
    return [torch.float32] if dtype is None else [torch.float32, torch.float64]


def _near(a: tuple[float, float], b: tuple[float, float], loose: float) -> bool:
    return all(math.isclose(x, y, rel_tol=loose, abs_tol=1e-300) for x, y in zip(a, b, strict=True))


def _ratio(subject: Subject, dtype: torch.dtype) -> float:
    """Time of an audit's numbers over that of a plain pass with its parameter gradients, both in this dtype.

    The batch is repeated until a pass takes about `LONG`, as long as one that is worth an audit.
    """
    twin = cast(
        Audited(subject.model, subject.loss_fn, subject.inputs, subject.targets), dtype, torch.device("cpu")
    )
    inputs = twin.inputs

    def plain() -> None:
        twin.model.zero_grad()
        loss_of(twin.model, twin.loss_fn, inputs, twin.targets).backward()

    plain()
    own, times = inputs, 1
    while (shortest := min(_seconds(plain) for _ in range(ROUNDS))) < 0.9 * LONG and times < MOST:
        times = min(MOST, times + max(1, round(times * min(1.0, LONG / shortest - 1))))
        inputs = _repeated(own, times)
    return _race(plain, lambda: audit(twin.model, twin.loss_fn, inputs, twin.targets))[0]


LONG, MOST = 0.3, 64
"""Seconds, and times that a batch is repeated at most."""


def _seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _repeated(value: Any, times: int) -> Any:
    if isinstance(value, dict):
        return {key: _repeated(item, times) for key, item in value.items()}
    return torch.cat([value] * times) if isinstance(value, Tensor) else value


ROUNDS = 3
"""Of timing, after one that is not counted."""


def _race(plain: Callable[[], Any], *others: Callable[[], Any]) -> list[float]:
    """The median over `ROUNDS` of the processor time of each over that of ``plain``, in turns."""
    found: list[list[float]] = []
    for count in range(ROUNDS + 1):
        spent = [_seconds(work) for work in (plain, *others)]
        if count:
            found.append([seconds / spent[0] for seconds in spent[1:]])
    return [statistics.median(column) for column in zip(*found, strict=True)]


class Bert(nn.Module):
    """Four layers of BERT with 256 features on 64 tokens."""

    def __init__(self, width: int = 256, words: int = 1000) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.1, "gelu", batch_first=True)
        self.embed, self.norm = nn.Embedding(words, width), nn.LayerNorm(width)
        self.body, self.head = (
            nn.TransformerEncoder(layer, 4, enable_nested_tensor=False),
            nn.Linear(width, words),
        )

    def forward(self, ids: Tensor) -> Tensor:
        return torch.as_tensor(self.head(self.body(self.norm(self.embed(ids)))).flatten(0, 1))


def recorder(steps: int = 31) -> dict[str, list[float]]:
    """Name -> processor time of a training step with an `Auditor` at every step, and at every tenth, over one without.

    The three trainings take their steps in turns; medians of a step, of which every tenth is one of a record and nine
    are not.
    """
    torch.manual_seed(0)
    subjects: dict[str, tuple[nn.Module, Tensor, Tensor]] = {
        "ResNet-20": (resnet((3, 3, 3), 16), torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,))),
        "BERT-4": (Bert(), torch.randint(0, 1000, (16, 64)), torch.randint(0, 1000, (16 * 64,))),
    }

    def training(model: nn.Module, x: Tensor, t: Tensor, every: int) -> Callable[[], None]:
        model = copy.deepcopy(model)
        optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
        auditor = Auditor(model, every=every, optimizer=optimizer) if every else None
        if auditor is not None:
            auditor.start()

        def step() -> None:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), t)
            loss.backward()
            optimizer.step()
            if auditor is not None:
                auditor.step(loss)

        return step

    found = {}
    for name, subject in subjects.items():
        runs = [training(*subject, every) for every in (0, 1, 10)]
        spent = [[_seconds(run) for run in runs] for _ in range(steps)]
        plain, each, tenth = (list(column)[1:] for column in zip(*spent, strict=True))
        own = statistics.median(plain)
        # The first step, which is not counted, is one of a record.
        rare = (
            statistics.median(tenth[9::10]),
            statistics.median(x for k, x in enumerate(tenth) if k % 10 != 9),
        )
        found[name] = [statistics.median(each) / own, (rare[0] + 9 * rare[1]) / 10 / own]
    return found


def _table(rows: list[dict[str, Any]], recorded: dict[str, list[float]]) -> str:
    ok = [row for row in rows if "error" not in row]
    whole = sum(row["covered"] == row["found"] == row["agree"] for row in ok)
    lines = [
        "# Models of other libraries under the audit",
        "",
        "`python tests/numerics/audit/survey.py --out notes/results/audit-models.md`, "
        f"torch {torch.__version__}, one thread. Each model has random weights; those of transformers, diffusers and "
        "the graph library are small. *found*: layer calls that a reference by zeros added before and after sees, and "
        "what the audit lists as uncovered; *agree*: calls whose two squared gradient norms are the reference's "
        f"(to {AGREES} in float64, 1e-3 where a model needs its own dtype); *right*: backward passes that are the "
        "derivative of the forward pass; *time*: the numbers of an audit over a plain forward and backward pass of the "
        "same dtype, processor time in turns, median of three, the batch repeated until a pass takes 0.3 s, where "
        "`--time` was given.",
        "",
        f"{len(ok)} of {len(rows)} models audited; in {whole} every layer that was found is covered and agrees: "
        f"{sum(row['agree'] for row in ok)} of {sum(row['found'] for row in ok)} layer calls.",
        "",
        "| model | parameters | found | covered | agree | recognised | right | time float32 | time float64 | remarks |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        if "error" in row:
            lines.append(f"| {row['model']} | | | | | | | | | {row['error']} |")
            continue
        times = [f"{row['ratio'][d]:.2f}" if d in row["ratio"] else "" for d in ("float32", "float64")]
        remarks = [] if row["dtype"] == "float64" else ["needs its own dtype"]
        if row["uncovered"]:
            remarks.append(
                "uncovered: "
                + ", ".join(row["uncovered"][:3])
                + (" ..." if len(row["uncovered"]) > 3 else "")
            )
        if row["failures"]:
            remarks.append(f"{row['failures']} proved statements contradicted")
        numbers = [row[key] for key in ("found", "covered", "agree", "recognised", "right")]
        cells = [row["model"], f"{row['parameters']:,}", *map(str, numbers), *times, "; ".join(remarks)]
        lines.append("| " + " | ".join(cells) + " |")
    for dtype in ("float32", "float64"):
        ratios = sorted(row["ratio"][dtype] for row in ok if dtype in row["ratio"])
        if ratios:
            lines += ["", f"Time in {dtype}: median {ratios[len(ratios) // 2]:.2f}, most {ratios[-1]:.2f}."]
    for name, (each, tenth) in recorded.items():
        lines += [
            "",
            f"Recorder in a training of {name}: {each:.2f} at every step, {tenth:.2f} at every tenth.",
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the models that are not done, one process each, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("notes/results/audit-models.md"))
    parser.add_argument("--only", default="*", help="a shell pattern of names")
    parser.add_argument("--seconds", type=float, default=600, help="the most time for one model")
    parser.add_argument("--time", action="store_true", help="also time every audit, and the recorder")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    store = options.out.with_suffix(".jsonl")
    done: dict[str, dict[str, Any]] = {}
    if store.is_file():
        done = {row["model"]: row for row in map(json.loads, store.read_text(encoding="utf-8").splitlines())}
    names = [name for name in models() if fnmatchcase(name, options.only)]
    for index, name in enumerate(names, 1):
        if name in done and "error" not in done[name] and (done[name]["ratio"] or not options.time):
            continue
        with _limit(options.seconds):
            try:
                done[name] = measured(name, options.time)
            except Exception as error:
                done[name] = {
                    "model": name,
                    "error": f"{type(error).__name__}: {error}".splitlines()[0][:160],
                }
        print(
            f"{index} of {len(names)}: {name}: {done[name].get('error', 'done')}", file=sys.stderr, flush=True
        )
        store.write_text("".join(json.dumps(row) + "\n" for row in done.values()), encoding="utf-8")
        _write(options.out, done, {})
    _write(options.out, done, recorder() if options.time else {})


def _write(out: Path, done: dict[str, dict[str, Any]], recorded: dict[str, list[float]]) -> None:
    out.write_text(_table([done[one] for one in models() if one in done], recorded), encoding="utf-8")


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """A model that takes longer is an error and no halt."""

    def stop(*_: Any) -> None:
        raise TimeoutError(f"took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    main()
