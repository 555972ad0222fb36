"""The command line ends with the promised exit code and one line, never with a traceback."""

import os
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from bnverify.base.errors import InputError
from bnverify.commands import cli


def called(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "bnverify", *arguments], capture_output=True, text=True, timeout=60, **options
    )


def test_help_names_every_command_that_a_reader_needs(bnverify):
    text = bnverify("--help").stdout
    assert all(name in text for name in ("claims", "show", "prove"))


def test_the_help_of_reproduce_names_every_preset(bnverify):
    from bnverify.experiments.run.presets import PRESETS

    text = bnverify("reproduce", "--help").stdout
    assert [name for name in PRESETS if name not in text] == []


def test_the_module_and_the_script_are_one_program():
    assert "bnverify" in called("--help").stdout
    assert called("--version").stdout.strip() == cli_version()


def cli_version():
    from importlib.metadata import version

    return version("bnverify")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["claims", "--nonsense"], ["show"], ["prove", "--jobs", "0"]]
)
def test_wrong_usage_is_exit_code_2(bnverify, arguments):
    assert bnverify(*arguments).exit_code == 2


def test_an_input_error_is_one_line_and_exit_code_2():
    done = called("show", "thm-4.9")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def with_command(function):
    app = cli.application()
    app.command("probe")(function)
    return CliRunner().invoke(app, ["probe"])


def test_an_interrupt_is_one_line_and_exit_code_130():
    def interrupted():
        raise KeyboardInterrupt

    done = with_command(interrupted)
    assert done.exit_code == 130
    assert done.stderr.count("\n") == 1


def test_a_command_chooses_its_own_exit_code():
    def undecided():
        raise typer.Exit(3)

    assert with_command(undecided).exit_code == 3


def test_an_error_of_ours_is_not_taken_for_one_of_the_users():
    def broken():
        raise ZeroDivisionError

    assert isinstance(with_command(broken).exception, ZeroDivisionError)


def test_an_input_error_keeps_its_words():
    def wrong():
        raise InputError("m is 1; at least 2 samples are needed")

    assert with_command(wrong).stderr == "bnverify: m is 1; at least 2 samples are needed\n"


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as on POSIX")
def test_an_interrupted_run_leaves_no_half_written_evidence():
    from bnverify.theory import verdicts

    before = verdicts.VERDICTS.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-m", "bnverify", "prove"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert verdicts.VERDICTS.read_bytes() == before
    assert not list(verdicts.VERDICTS.parent.glob(".verdicts.json.*"))


def test_a_terminal_that_knows_ascii_only_gets_no_traceback():
    done = called("show", "thm-4.1", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "m >= 2, gamma any real, sigma > 0, eps = 0" in done.stdout


@pytest.mark.parametrize("columns", ["0", "20"])
def test_a_narrow_terminal_gets_a_claim_in_several_lines(columns):
    done = called("claims", env={**os.environ, "COLUMNS": columns})
    assert done.returncode == 0
    assert done.stdout.startswith("thm-4.1 refuted\n  1/√m should be 1/m")


def test_a_reader_that_stops_early_causes_no_traceback():
    process = subprocess.Popen(
        [sys.executable, "-m", "bnverify", "claims", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert "Traceback" not in errors
    assert "BrokenPipeError" not in errors


def test_alone_it_says_which_questions_it_answers():
    done = called()
    assert done.returncode == 0
    assert "is this theorem true?" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_an_error_of_ours_is_called_a_bug_with_a_code_of_its_own():
    code = (
        "import sys, bnverify.commands.cli as c, bnverify.__main__ as m\n"
        "c.application = lambda: (lambda prog_name: 1 / 0)\n"
        "m.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 70
    assert "this is a bug in bnverify: ZeroDivisionError" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_closed_output_is_said_in_one_line():
    done = subprocess.run(
        ["sh", "-c", '"$0" -m bnverify claims >&-', sys.executable], stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 2
    assert done.stderr == "bnverify: the standard output is closed; send it to a file or to /dev/null\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bnverify", "claims", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no space left" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as on POSIX")
def test_a_request_to_end_is_silent_and_leaves_no_process():
    process = subprocess.Popen(
        [sys.executable, "-m", "bnverify", "check", "--trials", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(4)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Traceback" not in errors


def test_more_trials_than_anyone_waits_for_are_refused():
    done = called("check", "v @ one == 0", "--trials", str(10**15))
    assert done.returncode == 2
    assert "hours" in done.stderr
