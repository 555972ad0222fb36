"""``audit``: a model in a file to a table, a page and JSON; bad input to one line and exit code 2."""

import json
import re
from pathlib import Path

import pytest
import torch

from bnverify.commands.audit import parse_channels

README = Path(__file__).parents[2] / "README.md"

MODEL = """
import torch
import torch.nn.functional as F
from torch import nn


def images():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.LocalResponseNorm(2), nn.Flatten(),
                         nn.Linear(144, 5))


def digits():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.BatchNorm1d(6), nn.Linear(6, 10))


def two():
    return nn.Sequential(*images()[:3], nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 5))


def whole():
    return {"model": digits(), "loss_fn": F.cross_entropy, "inputs": torch.randn(9, 64),
            "targets": torch.zeros(9, dtype=torch.long)}


def pair():
    torch.manual_seed(1)
    return torch.randn(40, 3, 8, 8), torch.randint(0, 5, (40,))


def loader():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*pair()), batch_size=10)


def dataset():
    return torch.utils.data.TensorDataset(*pair())


class Raises(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.norm(x).wrong()


def raises_in_factory():
    raise ValueError("no weights here")


def no_module():
    return 3


def needs_argument(width):
    return width


def plain():
    return nn.Linear(8, 2)


def batch_of_one():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.BatchNorm1d(4))


def broken():
    model = images()
    model[0].weight.data[0, 0, 0, 0] = float("nan")
    return model


def bad_loss():
    return images(), lambda outputs, targets: outputs


def fixed_loss():
    return images(), lambda outputs, targets: torch.tensor(1.0)


CONSTANT = 3


def a_list():
    return [digits(), nn.CrossEntropyLoss(weight=torch.ones(10)), *torch.utils.data.default_collate(list(stream()))]


def five():
    return digits(), None, None, None, None


def no_function():
    return digits(), "cross-entropy"


def ends():
    raise SystemExit("no GPU")


def own_norm():
    class OwnNorm(nn.Module):
        def forward(self, x):
            return x / x.norm()

    return nn.Sequential(nn.Flatten(), nn.Linear(192, 4), OwnNorm())


def fixed_dtype():
    weight = torch.ones(5)
    return images(), lambda outputs, targets: F.cross_entropy(outputs, targets, weight=weight)


def talks():
    print("loading weights")
    return images()


class stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        for row in range(12):
            yield torch.randn(64, generator=torch.Generator().manual_seed(row)), row % 10


def triple():
    return *pair(), 3
"""


DATA = ["--data", "normal:3x8x8", "--batch-size", "6"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return path


def test_the_example_of_the_readme_says_what_the_readme_shows(bnverify, tmp_path):
    section = README.read_text(encoding="utf-8").partition("**What is wrong in my network?**")[2]
    code, command, shown = re.search(
        r"```python\n(.*?)```\n\n`bnverify (.*?)`.*?```\n(.*?)```", section, re.DOTALL
    ).groups()
    (tmp_path / "model.py").write_text(code)
    done = bnverify(*command.replace("model.py", str(tmp_path / "model.py")).split())
    assert done.exit_code == 0, done.stderr

    def words(text):
        """Without the size of what is 0 but for rounding, which is another on another machine."""
        return re.sub(r"\d[\d.]*e[-−]\d+", "tiny", " ".join(text.split()))

    assert words(done.stdout).startswith(words(shown))


def test_a_table_of_layers_is_printed(bnverify, file):
    done = bnverify("audit", f"{file}:images", "--data", f"{file}:pair", "--batch-size", "12")
    assert done.exit_code == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "BatchNorm2d" in line)
    assert row.split()[:2] == ["1", "BatchNorm2d"]
    assert row.split()[5] == "432"
    assert "LocalResponseNorm" in done.stdout
    assert "divides by neighbouring channels" in done.stdout
    assert "times the" in done.stderr.replace("\n", " ")


def test_json_holds_what_the_page_needs(bnverify, file, tmp_path):
    out = tmp_path / "out"
    done = bnverify(
        "audit", f"{file}:images", "--data", f"{file}:pair", "--mode", "both", "--second-order", "--channels", "0,2-3",
        "--probes", "2", "--json", "--out", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    printed, stored = json.loads(done.stdout), json.loads((out / "audit.json").read_text())
    assert printed["layers"] == stored["layers"]
    assert [layer["mode"] for layer in printed["layers"]] == ["train", "eval"]
    assert printed["layers"][0]["labels"] == printed["layers"][0]["second"]["labels"] == ["0", "2", "3"]
    assert printed["layers"][0]["dtype"] == "float64"
    assert (out / "index.html").read_text().startswith("<!doctype html>")


def test_both_modes_stand_side_by_side_with_conditions_identities_and_words(bnverify, file, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = bnverify("audit", f"{file}:images", *DATA, "--mode", "both", "--second-order", "--probes", "2")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(len(line.rstrip()) <= 80 for line in lines)
    assert "…" not in done.stdout
    text = " ".join(done.stdout.split())
    assert "layer |dL̂/dy|² train eval eval/train" in text
    assert "The two conditions of Theorem 4.2" in text
    assert "u′Hu≥0 least u′Hu most" in text
    assert "ext-eps.gradient:formula 4 of 4" in text
    assert "1, train: The bound" in text
    assert "1, eval: Running statistics" in text
    assert text.endswith(("in 1 of 1 layer.", "in 0 of 1 layer."))


def test_what_a_factory_prints_is_no_part_of_the_json(bnverify, file):
    done = bnverify("audit", f"{file}:talks", *DATA, "--json")
    assert json.loads(done.stdout)["layers"]
    assert "loading weights" in done.stderr


def test_a_list_and_a_loss_with_weights_and_a_stream_are_read(bnverify, file):
    done = bnverify("audit", f"{file}:a_list", "--json", "--layers", "2")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["environment"]["batch"] == [[12, 64]]
    streamed = bnverify("audit", f"{file}:digits", "--data", f"{file}:stream", "--batch-size", "12", "--json")
    assert json.loads(streamed.stdout)["environment"]["batch"] == [[12, 64]]


def test_layers_that_were_not_asked_for_are_not_called_functions(bnverify, file):
    done = bnverify("audit", f"{file}:two", *DATA, "--layers", "1", "--json")
    assert json.loads(done.stdout)["not_covered"] == []


@pytest.mark.parametrize("data", ["pair", "loader", "dataset", "pt", "npz", "normal"])
def test_every_way_to_name_data_is_read(bnverify, file, tmp_path, data):
    torch.manual_seed(1)
    x, t = torch.randn(40, 3, 8, 8), torch.randint(0, 5, (40,))
    named = f"{file}:{data}"
    if data == "pt":
        torch.save((x, t), tmp_path / "data.pt")
        named = tmp_path / "data.pt"
    elif data == "npz":
        import numpy as np

        np.savez(tmp_path / "data.npz", x=x.numpy(), y=t.numpy())
        named = tmp_path / "data.npz"
    elif data == "normal":
        named = "normal:3x8x8"
    done = bnverify("audit", f"{file}:images", "--data", named, "--batch-size", "10", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["environment"]["batch"] == [[10, 3, 8, 8]]
    if data != "normal":
        want = bnverify("audit", f"{file}:images", "--data", f"{file}:pair", "--batch-size", "10", "--json")
        assert found["layers"] == json.loads(want.stdout)["layers"]


def test_the_digits_of_scikit_learn_are_at_hand(bnverify, file):
    done = bnverify(
        "audit", f"{file}:digits", "--data", "digits", "--batch-size", "32", "--dtype", "model", "--json"
    )
    assert done.exit_code == 0, done.stderr
    (layer,) = json.loads(done.stdout)["layers"]
    assert (layer["dtype"], layer["columns"]["size"][0]) == ("float32", 32.0)


def test_the_factory_may_bring_loss_and_data(bnverify, file):
    done = bnverify("audit", f"{file}:whole", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["environment"]["batch"] == [[9, 64]]


@pytest.mark.parametrize(
    ("arguments", "kind", "reason"),
    [
        (["batch_of_one", "--data", "normal:3x8x8", "--batch-size", "1"], "tiny-batch", "single number"),
        (["broken", *DATA], "non-finite", "parameter 0.weight holds 1 values that are NaN or infinite"),
    ],
)
def test_numbers_that_cannot_be_measured_are_a_finding(bnverify, file, arguments, kind, reason):
    factory, *rest = arguments
    done = bnverify("audit", f"{file}:{factory}", *rest)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"error {kind}: ")
    assert reason in " ".join(done.stdout.split())
    assert bnverify("audit", f"{file}:{factory}", *rest, "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["raises_in_factory", *DATA], "raised ValueError: no weights here (model.py:"),
        (["no_module", *DATA], "returned int; expected a torch.nn.Module"),
        (["needs_argument", *DATA], "it must take no arguments"),
        (["missing", *DATA], "has no 'missing'; did you mean"),
        (["CONSTANT", *DATA], "is int; expected a function or a class"),
        (["plain", *DATA], "no normalisation layer that can be audited"),
        (
            ["Raises", *DATA],
            "the model or its loss raised AttributeError: 'Tensor' object has no attribute 'wrong'",
        ),
        (["images"], "there is no data"),
        (["images", "--data", "normal:3xx"], "expected the shape of one sample"),
        (["images", "--data", "nowhere.pt"], "no such file"),
        (["images", *DATA, "--loss", "hinge"], "loss 'hinge' is unknown"),
        (["images", *DATA, "--loss", "mse"], "needs targets"),
        (["images", *DATA, "--dtype", "float16"], "expected one of float64, model"),
        (["images", *DATA, "--mode", "test"], "expected one of train, eval, both"),
        (["images", *DATA, "--channels", "9"], "channel 9 is out of range: layer 1 has 4, 0 to 3"),
        (["images", *DATA, "--channels", "two"], "'two' is no number"),
        (["images", *DATA, "--layers", "bn7"], "no normalisation layer is called 'bn7'"),
        (["images", *DATA, "--device", "cuda:99"], "device cuda:99 is not there"),
        (["images", "--data", "normal:3x8x8", "--batch-size", "0"], "--batch-size 0"),
        (["bad_loss", "--data", "FILE:pair"], "expected one number"),
        (["fixed_loss", "--data", "FILE:pair"], "does not depend on the model"),
        (["five"], "returned a tuple of 5; expected"),
        (["no_function", *DATA], "returned str as its loss_fn; expected a function"),
        (["ends", *DATA], "ends the program (SystemExit: no GPU)"),
        (["own_norm", *DATA], "not covered: 2 (OwnNorm) is not a layer type whose formula is known"),
        (["Raises", *DATA, "--layers", ","], "layers is empty"),
        (["images", *DATA, "--layers", "3"], "layer 3 (LocalResponseNorm) is not covered: it divides by"),
        (["images", *DATA, "--channels", "3-1"], "runs backwards; write 1-3"),
        (["images", "--data", "FILE:triple"], "gave a tuple of 3; expected a pair"),
        (["images", "--data", "FILE"], "cannot be read (UnpicklingError); expected tensors"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(bnverify, file, arguments, message):
    factory, *rest = [argument.replace("FILE", str(file)) for argument in arguments]
    done = bnverify("audit", f"{file}:{factory}", *rest)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("bnverify:")]) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("target", ["model.py", "nowhere.py:make", ":make"])
def test_a_target_that_names_nothing_is_one_line(bnverify, target):
    done = bnverify("audit", target, "--data", "normal:3")
    assert done.exit_code == 2
    assert "FILE.py:FACTORY" in done.stderr


def test_an_output_folder_that_cannot_be_written_is_one_line(bnverify, file, tmp_path):
    (tmp_path / "taken").write_text("")
    done = bnverify("audit", f"{file}:images", *DATA, "--out", tmp_path / "taken")
    assert done.exit_code == 2
    assert "cannot write" in done.stderr
    assert "audited" not in done.stderr


def test_a_contradicted_proof_is_exit_code_1(bnverify, file, monkeypatch):
    from bnverify.numerics.audit import passes
    from bnverify.numerics.audit.table import reductions

    def off(spec, y, g, v, *rest):
        return {
            key: value * 1.01 if key == "v.v" else value
            for key, value in reductions.first_order(spec, y, g, v, *rest).items()
        }

    monkeypatch.setattr(passes, "first_order", off)
    done = bnverify("audit", f"{file}:images", *DATA)
    assert done.exit_code == 1
    assert "ext-eps.gradient:formula is contradicted in 4 rows" in done.stderr


def test_channels_are_numbers_and_ranges():
    assert parse_channels("0, 3,8-11,3") == [0, 3, 8, 9, 10, 11]


def test_the_command_takes_one_model(bnverify):
    for arguments in ((), ("model.py:make", "--from", "timm:resnet18")):
        done = bnverify("audit", *arguments)
        assert done.exit_code == 2
        assert "name one model" in done.stderr


def test_the_command_takes_definitions(bnverify, tmp_path):
    (tmp_path / "model.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "class Mean(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return 2 * x / x.abs().mean(-1, keepdim=True)\n"
        "def make():\n"
        "    return nn.Sequential(nn.Linear(4, 6), Mean()), lambda out: out.pow(3).sum(), torch.randn(5, 4)\n"
    )
    target = f"{tmp_path / 'model.py'}:make"
    done = bnverify("audit", target, "--as", "Mean=n = mean(abs(y)); z = gamma*y/n", "--json")
    assert done.exit_code == 0, done.stderr
    (layer,) = json.loads(done.stdout)["layers"]
    assert layer["recognised"].startswith("recognised as 'n = mean(abs(y)); z = gamma*y/n'")
    for said, message in (
        ("Mean=rms-norm", "Mean is not 'rms-norm': the best fit leaves"),
        ("Mean", "expected CLASS=DEFINITION"),
        ("Meen=rms-norm", "did you mean 'Mean'"),
    ):
        done = bnverify("audit", target, "--as", said)
        assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
