"""The command as a process: what it imports, and how each way of ending becomes an exit code."""

import os
import subprocess
import sys

import pytest

from qdiffusion import __version__
from qdiffusion.cli import main, verbs
from qdiffusion.errors import DataError


def fail_with(error: BaseException):
    def verb(request):
        raise error

    return verb


def test_module_and_version():
    done = subprocess.run([sys.executable, "-m", "qdiffusion", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"qdiffusion {__version__}\n", "")


@pytest.mark.parametrize("words", [["--help"], []])
def test_help_names_every_verb(words, capsys):
    assert main(words) == 0
    shown = capsys.readouterr().out
    for verb in ("presets", "describe", "train", "resume", "sample", "evaluate", "report", "data"):
        assert f"\n    {verb} " in shown


def test_reader_of_stdout_gone_is_quiet():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "qdiffusion", "data", "list"], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("error", "exit_code", "line"),
    [
        (KeyboardInterrupt(), 130, "error: Interrupted."),
        (DataError("The file x is damaged;\nfetch it again."), 1, "error: The file x is damaged; fetch it again."),
        (
            ZeroDivisionError("by zero"),
            1,
            "error: Unexpected ZeroDivisionError: by zero; run again with --debug to see where.",
        ),
    ],
)
def test_failures_are_one_line(error, exit_code, line, monkeypatch, capsys):
    monkeypatch.setattr(verbs, "presets", fail_with(error))
    assert main(["presets"]) == exit_code
    assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.parametrize("words", [["--debug", "presets"], ["presets", "--debug"]])
def test_debug_anywhere_shows_the_traceback(words, monkeypatch, capsys):
    monkeypatch.setattr(verbs, "presets", fail_with(DataError("The file x is damaged.")))
    assert main(words) == DataError.exit_code
    shown = capsys.readouterr().err
    assert "Traceback (most recent call last)" in shown
    assert shown.endswith("error: The file x is damaged.\n")
