"""`bnverify decide` as a user runs it: words, exit codes, JSON, files, limits and interrupts."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bnverify.base.errors import InputError

COMMAND = [sys.executable, "-m", "bnverify", "decide"]
ALONE = ["v @ v == 0", "--given", "m <= 2"]
HARD = ["(v @ H @ a)**2 <= (v @ H @ v)*(a @ H @ a)", "--given", "psd(H)", "--vector", "a"]
PROMISED = [
    *("answer", "statement", "given", "scope", "m", "counterexample", "certificate", "needed", "tight"),
    *("best", "repair", "seconds", "tried"),
]


def run(*words):
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=120)


@pytest.fixture
def decide(bnverify):
    """`bnverify decide` with these words, in this process."""
    return lambda *words: bnverify("decide", *words)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["v @ one == 0"], 0, "proved for m >= 2, eps >= 0"),
        (["v @ v <= g @ g"], 1, "refuted at m = 3, the smallest there is"),
        (["v @ v <= 1", "--given", "g @ g < 0"], 3, "vacuous: nothing satisfies the hypotheses"),
        (["v @ y == 0", "--norm", "n = sqrt(y @ y); z = gamma*y/n"], 0, "proved"),
        (["v @ v <= c*gamma**2/sigma**2*(g @ g)", "--best", "min c"], 0, "the smallest c is 1"),
    ],
)
def test_the_answer_has_its_words_and_its_exit_code(decide, words, code, said):
    done = decide(*words)
    assert done.exit_code == code, done.stderr
    assert said in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["v @ w <= 1"], "there is no name 'w'"),
        (
            ["v @ v <= g_own @ g_own"],
            "'g_own' is a name where y = X @ W; say so with --norm 'y = X @ W; mu =",
        ),
        (["v @ v <= 1", "--min-m", "1"], "at least 2"),
        (["v @ v <= 1", "--timeout", "0"], "above 0"),
        (["v @ v <= 1/(g @ g)"], "exclude it with --given"),
        (["v @ v <= 1", "--norm", "batchnorm"], "batch-norm"),
        (["thm-4.1", "--given", "psd(H)"], "`bnverify decide thm-4.1` prints its text"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(decide, words, said):
    done = decide(*words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("text", ["dW @ dW >= 0", "v_j @ v_j >= 0"])
def test_equality_in_weight_space_and_of_two_units_is_told_with_its_m(decide, text):
    done = decide(text)
    assert done.exit_code == 0, done.stderr
    assert "tight: both sides can be equal, as 0 at m = 3" in done.stdout
    sums = [line for line in done.stdout.splitlines() if "is the sum of" in line]
    assert len(sums) == len(set(sums)) == 1


def test_a_certificate_says_which_hypothesis_its_terms_come_from(decide):
    done = decide("v @ v <= g @ g", "--given", "m >= 3", "--given", "abs(gamma) <= s", "--given", "eps > 0")
    assert done.exit_code == 0, done.stderr
    assert "  given0: by how much abs(gamma) <= s holds" in done.stdout
    assert "0 < c @ c" in done.stdout.splitlines()[0]
    assert "  where c = y - mu*one" in done.stdout


def test_the_scope_of_a_typed_definition_names_its_root_once_and_nothing_that_was_only_tried(decide):
    lines = "mu = one @ y/m; c = y - mu*one; r = sqrt(c @ c/m); s = r + eps; yhat = c/s; z = gamma*yhat"
    done = decide("v @ one == 0", "--norm", lines)
    assert done.stdout.startswith("proved for m >= 2, eps > 0, sqrt(c @ c / m) != 0: the kernel")


def test_a_reading_about_the_plain_networks_own_gradient_has_no_repair_and_says_why(decide):
    done = decide("thm-4.1", "--repair")
    assert "no repair: the family of changes is about g, without g_own" in done.stdout
    assert "there is no name" not in done.stdout


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        (["v @ v <= g @ g"], "--repair looks for what is true instead"),
        (["v @ one == 0"], "--out FOLDER writes page"),
    ],
)
def test_an_answer_says_what_to_ask_for_next(decide, words, next_step):
    assert f"next: {next_step}" in decide(*words).stdout


@pytest.fixture
def without_solvers(monkeypatch):
    from bnverify.theory.decide import decision, solvers

    for module in (solvers, decision):
        monkeypatch.setattr(module, "installed", list)


@pytest.mark.parametrize(
    ("statement", "code"), [("v @ one == 0", 0), ("v @ v <= g @ g", 1), ("(2*m - 7)**2*(v @ v) >= v @ v", 2)]
)
def test_without_solvers_the_rest_works_and_what_stays_open_says_what_is_missing(
    decide, without_solvers, statement, code
):
    done = decide(statement)
    assert done.exit_code == code, done.stderr
    assert ("pip install 'bnverify[decide]'" in done.stderr) == (code == 2)
    assert len(done.stderr.strip().splitlines()) == (code == 2)


def test_a_registered_claim_is_repaired_as_the_registry_corrects_it(decide):
    done = decide("eq-9", "--repair", "--timeout", "60")
    assert done.exit_code == 1, done.stderr
    assert "true instead, as the registry corrects it (formula: m for sqrt(m)):" in done.stdout


def test_json_holds_what_is_promised(decide):
    found = json.loads(decide("v @ v <= g @ g", "--json").stdout)
    assert [name for name in PROMISED if name not in found] == []
    assert found["answer"] == "refuted"
    assert found["m"] == 3
    assert found["counterexample"]["left"] == "9/4"
    assert (found["certificate"]["kind"], found["certificate"]["checked_by"]) == ("point", "kernel")


def test_what_solvers_alone_decide_is_open(decide):
    done = decide(*ALONE, "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["answer"], found["decided_by"]) == (3, "open", ["cvc5", "z3"])
    assert found["certificate"] is None


@pytest.mark.parametrize(
    "words",
    [
        ["v @ v <= g @ g", "--given", "gamma**2 <= sigma**2"],
        ["v @ v <= g @ g"],
        ["max((X @ T @ v) @ H @ (X @ T @ v), norm(X) <= lam) <= lam**4*(v @ H @ v)", "--number", "lam"],
    ],
)
def test_certificates_and_counterexamples_pass_the_kernel_alone(decide, tmp_path, words):
    found = json.loads(decide(*words, "--json").stdout)
    file = tmp_path / "decide.json"
    file.write_text(json.dumps(found["certificate"]["items"]))
    kernel = Path(__file__).parents[2] / "theory" / "kernel.py"
    done = subprocess.run([sys.executable, "-I", str(kernel), str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 verified" in done.stdout


def test_a_file_is_read_line_by_line_and_the_worst_answer_is_the_exit_code(decide, tmp_path):
    file = tmp_path / "conjectures.txt"
    file.write_text("# first order\nv @ one == 0\n\nv @ v <= g @ g  # false\n")
    done = decide(str(file))
    assert done.exit_code == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["proved", "refuted"]


def test_a_decision_is_a_folder_that_can_be_cited(decide, tmp_path):
    done = decide("v @ v <= g @ g", "--given", "gamma**2 <= sigma**2", "--out", str(tmp_path / "page"))
    assert done.exit_code == 0, done.stderr
    files = {path.name: path.read_text() for path in (tmp_path / "page").iterdir()}
    assert set(files) == {"citation.bib", "certificate.json", "decision.json", "decision.tex", "index.html"}
    assert r"\le \left\|g\right\|^{2}" in files["decision.tex"]
    assert r"Needed: $\gamma^{2} \le \sigma^{2}$." in files["decision.tex"]
    assert "gamma**2 &lt;= sigma**2" in files["index.html"]
    assert "<math" in files["index.html"]
    assert str(tmp_path) not in files["index.html"]


def test_the_time_limit_is_kept():
    start = time.monotonic()
    done = run("v @ one == 0")
    assert done.stdout.startswith("proved for m >= 2"), done.stderr
    usual = time.monotonic() - start
    start = time.monotonic()
    done = run(*HARD, "--timeout", "3", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["seconds"] <= 4
    assert time.monotonic() - start <= 4 + 3 * usual


def children(parent):
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(folder.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_leaves_no_process(sent):
    process = subprocess.Popen(
        [*COMMAND, *HARD, "--timeout", "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    solvers = []
    end = time.monotonic() + 60
    while not solvers and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
        solvers = children(process.pid)
    assert solvers
    time.sleep(0.5)
    solvers = children(process.pid) or solvers
    os.kill(process.pid, sent)
    _, told = process.communicate(timeout=30)
    if sent == signal.SIGINT:
        assert process.returncode == 130
        assert "interrupted" in told
    end = time.monotonic() + 10
    while any(Path(f"/proc/{child}").exists() for child in solvers) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{child}").exists() for child in solvers)


def test_without_solvers_a_counterexample_is_not_called_the_smallest_and_the_extra_is_named(
    decide, without_solvers
):
    done = decide("v @ v <= g @ g")
    assert done.exit_code == 1
    assert "refuted at m = 3; scope" in done.stdout
    assert "bnverify[decide]" in done.stdout


def test_a_disk_that_fills_leaves_no_half_of_a_decision(tmp_path, monkeypatch):
    from bnverify.theory.decide import page
    from bnverify.theory.decide.ask import decide

    def filling(path, text):
        if path.name == "index.html":
            raise InputError("No space left on device")
        path.write_text(text)

    monkeypatch.setattr(page, "write_text", filling)
    with pytest.raises(InputError, match="No space left"):
        page.write(
            decide("v @ one == 0", detail=False), tmp_path / "out", "command", lambda title, text: text
        )
    assert list((tmp_path / "out").iterdir()) == []
