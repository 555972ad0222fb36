"""``claims``, ``show`` and ``prove`` say what the evidence says."""

import dataclasses
import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest
from bnverify.theory import judged, store, verdicts
from bnverify.theory.claim import promised
from bnverify.theory.registry import registry
from bnverify.theory.results import WORDS

PROMISED = tuple(promised(registry()["thm-4.1"]))


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A copy of what is remembered that a command may rewrite."""
    path = tmp_path / "verdicts.json"
    path.write_bytes(verdicts.VERDICTS.read_bytes())
    monkeypatch.setattr(verdicts, "VERDICTS", path)
    monkeypatch.setattr(verdicts, "in_checkout", lambda: True)
    verdicts._lines.cache_clear()
    yield path
    verdicts._lines.cache_clear()


def test_claims_is_a_table_of_ids_verdicts_and_reasons(bnverify):
    done = bnverify("claims", "thm-4.1", "thm-4.2.1")
    assert done.exit_code == 0
    rows = [line.strip().split() for line in done.stdout.splitlines()]
    first, second = [row for row in rows if row and row[0].startswith("thm")]
    assert first[:2] == ["thm-4.1", "refuted"]
    assert second[:3] == ["thm-4.2.1", "proved", "yes"]
    assert "should be 1/m" in done.stdout


def test_claims_alone_lists_the_theorems_a_line_each(bnverify, monkeypatch):
    lines = bnverify("claims").stdout.splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("thm-4.1")
    assert "--all" in lines[-1]


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "…"), ("ascii", "...")])
def test_a_line_is_cut_on_a_terminal_alone(encoding, end):
    asked = os.environ | {"COLUMNS": "80", "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "bnverify", "claims"]
    piped = subprocess.run(command, env=asked, capture_output=True, check=True, timeout=60).stdout
    assert "other readings of 'preserves the relative norms' fail for |" in piped.decode(encoding)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, env=asked, stdout=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # Linux says so at the end of what was written
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    assert process.wait(timeout=60) == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode(encoding)).splitlines()
    assert max(map(len, lines)) <= 80
    assert next(line for line in lines if line.startswith("thm-4.2.2")).rstrip().endswith(end)


def test_claims_lists_every_claim_when_none_is_named(bnverify):
    listed = {item["id"] for item in json.loads(bnverify("claims", "--json").stdout)}
    assert listed == set(store.load())


def test_the_json_is_the_list_of_items_as_promised(bnverify):
    (item,) = json.loads(bnverify("claims", "thm-4.1", "--json").stdout)
    assert tuple(item) == (*PROMISED, "for_readers")
    assert item["verdict"] == "refuted"
    assert item["counterexample"]["y"] == ["0", "1"]


@pytest.mark.parametrize("command", [["claims"], ["show"], ["prove"]])
def test_an_unknown_id_suggests_the_nearest(bnverify, command):
    done = bnverify(*command, "thm-4.11")
    assert done.exit_code == 2
    assert "did you mean 'thm-4.1'" in done.stderr


def test_an_id_is_found_in_whatever_case_it_is_written(bnverify):
    assert bnverify("show", "THM-c.1").stdout.startswith("thm-C.1")


def test_show_gives_quotation_readings_counterexample_correction_and_latex(bnverify):
    text = bnverify("show", "thm-4.1").stdout
    assert "As printed: refuted" in text
    assert r"\frac{1}{\sqrt{m}} \left\langle \nabla_{y_j}\mathcal{L}, \hat{y}_j\right\rangle^2" in text
    assert "‖v‖² ≤ γ²/σ² (‖g‖² − ⟨𝟏, g⟩²/m − ⟨g, ŷ⟩²/√m)" in text
    assert "right side 2 − 2√2 ≈ −0.828427" in text
    assert "‖v‖² = γ²/σ² (‖g‖² − ⟨𝟏, g⟩²/m − ⟨g, ŷ⟩²/m)" in text
    printed, _, true = bnverify("show", "4.1", "--latex").stdout.partition("% corrected")
    assert r"\left\|\nabla_{y}\widehat{\mathcal{L}}\right\|^{2} \le" in printed
    assert r"\left\|\nabla_{y}\widehat{\mathcal{L}}\right\|^{2} =" in true


def test_what_is_true_stands_under_the_verdict_on_the_first_screen(bnverify, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = bnverify("show", "Theorem 4.1").stdout.splitlines()
    verdict = next(i for i, line in enumerate(lines) if "As printed: refuted" in line)
    true = next(i for i, line in enumerate(lines) if "= γ²/σ² (‖g‖² − ⟨𝟏, g⟩²/m − ⟨g, ŷ⟩²/m)" in line)
    assert verdict < true < 24


def test_several_claims_are_shown_one_after_the_other_in_four_ways(bnverify):
    short = bnverify("show", "THM-4.1", "eq17", "--short").stdout
    assert short.count("What is true instead") == 2
    assert "Certificate" not in short
    items = json.loads(bnverify("show", "4.1", "eq-17", "--json").stdout)
    assert [item["id"] for item in items] == ["thm-4.1", "eq-17"]
    assert "Readings that do not count" in bnverify("show", "4.1", "--all").stdout
    assert bnverify("show", "4.1", "--all", "--json").exit_code == 2


def test_the_shell_completes_ids():
    from bnverify.commands.theory import completed

    assert completed("thm-4.2") == ["thm-4.2.1", "thm-4.2.2"]
    assert "thm-C.1" in completed("THM-")


LOADED = store.load()


@pytest.mark.parametrize("identifier", list(LOADED))
def test_show_has_words_for_every_claim(bnverify, identifier, monkeypatch):
    monkeypatch.setattr(store, "load", lambda names, anew=False: {name: LOADED[name] for name in names})
    done = bnverify("show", identifier)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(identifier)


def forged(path, sealed):
    """The verdicts with thm-4.1 turned into proved, by a hand that does or does not know how a line is sealed."""
    claim = registry()["thm-4.1"]
    committed = path.read_text()
    evidence = tuple(
        dataclasses.replace(item, proved=True, refuted=False, checks=()) for item in judged.evidence_of(claim)
    )
    verdicts.keep([(claim, evidence)])
    if not sealed:
        lines = json.loads(path.read_text())
        lines["thm-4.1"]["key"] = json.loads(committed)["thm-4.1"]["key"]
        path.write_text(json.dumps(lines))
    verdicts._lines.cache_clear()


def test_an_edited_verdict_is_not_printed(shelf, bnverify):
    forged(shelf, sealed=False)
    assert store.load(["thm-4.1"])["thm-4.1"].verdict == "refuted"
    done = bnverify("claims", "thm-4.1")
    assert "refuted" in done.stdout
    assert "thm-4.1 changed since `bnverify prove`" in done.stderr


def test_a_forged_verdict_is_not_shown_and_prove_finds_it(shelf, bnverify):
    forged(shelf, sealed=True)
    assert "As printed: refuted" in bnverify("show", "thm-4.1").stdout
    assert "refuted" in bnverify("claims", "thm-4.1").stdout
    done = bnverify("prove", "thm-4.1")
    assert done.exit_code == 1
    assert "of thm-4.1" in done.stderr
    assert "edited" in done.stderr
    assert store.load(["thm-4.1"])["thm-4.1"].verdict == "refuted"
    assert bnverify("prove", "thm-4.1").exit_code == 0


def test_prove_judges_again_and_remembers_what_it_found(bnverify, shelf):
    shelf.write_text("{}")
    verdicts._lines.cache_clear()
    assert "thm-4.1 changed since `bnverify prove`" in bnverify("claims", "thm-4.1").stderr
    done = bnverify("prove", "thm-4.1")
    assert done.exit_code == 0
    assert "1 of 1 claims verified" in done.stdout
    assert "changed since" not in bnverify("claims", "thm-4.1").stderr


def test_prove_leaves_an_installed_package_as_it_is(bnverify, shelf, monkeypatch):
    monkeypatch.setattr(verdicts, "in_checkout", lambda: False)
    shelf.write_text("{}")
    verdicts._lines.cache_clear()
    assert bnverify("prove", "thm-4.1").exit_code == 0
    assert shelf.read_text() == "{}"
    done = bnverify("prove", "thm-4.1", "--renew")
    assert done.exit_code == 2
    assert "use a checkout" in done.stderr


def test_prove_is_exit_code_1_where_a_counterexample_no_longer_holds(bnverify, shelf, monkeypatch):
    claim = registry()["thm-4.1"]
    mended = dataclasses.replace(claim.readings[0], says=claim.corrected.says)
    monkeypatch.setitem(registry(), "thm-4.1", dataclasses.replace(claim, readings=(mended,)))
    before = shelf.read_bytes()
    done = bnverify("prove", "thm-4.1")
    assert done.exit_code == 1
    assert "does not verify" in done.stdout
    assert shelf.read_bytes() == before


def test_prove_is_exit_code_1_where_a_certificate_no_longer_holds(bnverify, shelf, monkeypatch):
    claim = registry()["thm-4.1"]
    broken = dataclasses.replace(claim.corrected, says=claim.readings[0].says)
    monkeypatch.setitem(registry(), "thm-4.1", dataclasses.replace(claim, corrected=broken))
    assert bnverify("prove", "thm-4.1").exit_code == 1


def test_processes_side_by_side_find_what_one_finds(bnverify, shelf):
    def found(*arguments):
        assert bnverify("prove", *arguments, "thm-4.1", "fact-C.1").exit_code == 0
        return shelf.read_bytes()

    assert found("--jobs", 1) == found("--jobs", 2)


def measured():
    return [entry for entry in store.load().values() if entry.claim.measured]


def test_the_json_of_an_empirical_claim_has_its_verdict_and_no_counterexample(bnverify):
    for item in json.loads(bnverify("claims", "--json", *(entry.id for entry in measured())).stdout):
        assert tuple(item) == (*PROMISED, "for_readers")
        assert item["verdict"] in WORDS
        assert item["counterexample"] is None
        for reading in item["readings"]:
            made = reading["data"]
            assert made["command"].startswith("bnverify")
            assert made["date"]
            assert made["machine"]
            assert {"statistic", "of", "against", "log_ratios", "word"} <= set(made["cells"][0])
            assert {"badge", "scale", "seeds", "counts", "p_holm", "change"} <= set(made)


def test_show_gives_what_was_measured_its_margin_and_what_made_it(bnverify):
    text = " ".join(bnverify("show", "fig-2").stdout.split())
    (item,) = json.loads(bnverify("claims", "fig-2", "--json").stdout)
    assert f"By training runs: {item['verdict']}" in text
    assert "almost non-existent" in text
    assert "fixed beforehand in notes/preregistration-2.toml" in text
    assert "between 0.952 and 1.05" in text
    for reading in item["readings"]:
        assert f"Runs {reading['slug']}" in text
        assert reading["data"]["command"] in text
        assert reading["data"]["date"] in text
    assert [text.index(word) for word in ("Scope: ", "Runs ", "Scale: ", "Would change it: ")] == sorted(
        text.index(word) for word in ("Scope: ", "Runs ", "Scale: ", "Would change it: ")
    )
    assert "too-small. ×" in bnverify("show", "prose-3.1-lr-insensitive").stdout


@pytest.mark.parametrize("more", [(), ("--short",)], ids=["whole", "short"])
def test_a_claim_without_a_formula_begins_with_the_words_of_the_source(bnverify, more):
    text = bnverify("show", "fig-9", *more).stdout
    said = text.partition("What it says")[2].partition("Is it true?")[0]
    assert "highly uncontrolled in practice" in said
    assert "The words of the source" not in text


def test_an_unknown_figure_suggests_its_panels(bnverify):
    done = bnverify("show", "fig-4")
    assert done.exit_code == 2
    assert all(name in done.stderr for name in ("fig-4a", "fig-4b", "fig-4c"))


def test_prove_counts_what_rests_on_runs_apart_from_what_it_proves(bnverify, shelf):
    done = bnverify("prove", "thm-4.1", "fig-2", "fig-9")
    assert done.exit_code == 0
    assert "1 of 1 claims verified" in done.stdout
    assert "2 empirical claims rest on results of training runs" in done.stdout
    assert "read, not proved" in done.stdout
    alone = bnverify("prove", "fig-2").stdout
    assert "verified" not in alone
    assert "1 empirical claim rests on" in alone


def test_prove_is_exit_code_2_where_a_result_is_damaged(bnverify, shelf, tmp_path, monkeypatch):
    from bnverify.theory import empirical

    (tmp_path / "runs-x.json").write_text("{")
    monkeypatch.setattr(empirical, "committed", lambda: empirical.results(tmp_path))
    before = shelf.read_bytes()
    done = bnverify("prove", "fig-2")
    assert done.exit_code == 2
    assert "runs-x.json is no result of bnverify judge" in done.stderr
    assert "Traceback" not in done.stderr
    assert shelf.read_bytes() == before
    assert bnverify("prove", "thm-4.1").exit_code == 0


def test_show_names_what_rocq_checked(bnverify):
    done = bnverify("show", "thm-4.1")
    assert "Rocq" in done.stdout
    assert "Thm_4_1.thm_4_1_printed_false" in done.stdout


def test_without_rocq_its_packages_are_named(bnverify, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    done = bnverify("prove", "--rocq", str(tmp_path / "rocq"))
    assert done.exit_code == 2
    assert "coq libcoq-coquelicot" in done.stderr
    assert not (tmp_path / "rocq").exists()


def test_a_page_shows_people_no_tuple_of_python_and_no_end_of_a_maximum_as_a_value(bnverify):
    text = " ".join(bnverify("show", "thm-C.1").stdout.split())
    assert "at most 1071/80 − 243√2/16 ≈ −8.09087" in text
    assert "1 ≤ max(‖X‖ ≤ λ) (XXᵀg)ᵀH(XXᵀg) ≤ 119/40" in text
    assert not re.search(r"between 0 and 0|multiplier|inputs =|\d\. $", text)
    assert not re.search(r"What =|W0 =", bnverify("show", "lem-4.5").stdout)


def test_a_proof_in_one_step_leads_to_its_derivation(bnverify):
    assert "bnverify cite thm-4.1 --tex" in " ".join(bnverify("show", "thm-4.1").stdout.split())


def test_a_question_beside_the_sources_is_stated_and_not_printed(bnverify):
    text = bnverify("show", "ext-unbiased.fact-C.1").stdout
    assert "As stated: refuted" in text
    assert "As printed" not in text


def test_a_closed_pipe_is_141():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "bnverify", "show", "thm-4.4"], stdout=write, check=False)
    os.close(write)
    assert done.returncode == 141


def test_the_parts_of_a_numbered_statement_are_shown_together(bnverify):
    shown = bnverify("show", "Observation 4.3", "--short").stdout
    assert "obs-4.3.activations  " in shown
    assert "obs-4.3.minima  " in shown
    assert "can mean obs-4.3.activations, obs-4.3.minima" in bnverify("decide", "obs-4.3").stderr


def test_a_page_says_what_its_counterexample_and_its_proof_rest_on(bnverify):
    shown = " ".join(bnverify("show", "thm-C.1").stdout.split())
    assert "Strict or not: the input X = 0 gives 0 on the left" in shown
    assert "The left side is at least 0, the right side at most 36 − 81√2/2 ≈ −21.2756" in shown
    assert "(gᵀHg − vᵀHv): where vᵀHv ≤ gᵀHg, no term is negative" in shown
    shown = " ".join(bnverify("show", "thm-4.4").stdout.split())
    assert "(ŵ at X = K) = (0, −12√2)" in shown
    assert "Take m = 2 and y = (0, 1), g = (0, 1), γ = 1, λ = 1." in shown
    assert "ŷ(α y) = ŷ if 0 < α" in " ".join(bnverify("show", "lem-4.5").stdout.split())
