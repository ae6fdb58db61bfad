"""What a person sees of a long task."""

import io
import re

import pytest
from rich.console import Console

from qdiffusion.progress import RichProgress


def lines(progress: RichProgress) -> list[str]:
    assert isinstance(progress.console.file, io.StringIO)
    return progress.console.file.getvalue().splitlines()


def plain(interval: float) -> RichProgress:
    return RichProgress(Console(file=io.StringIO(), width=40), interval)


def test_without_a_terminal_one_line_at_the_end_when_it_was_quick() -> None:
    progress = plain(interval=60)
    with progress.task("Training", 20, done=10) as task:
        for done in range(11, 21):
            task.update(done, loss=1 / done)
    (line,) = lines(progress)
    assert re.fullmatch(r"Training: 20/20  loss 0\.0500  \S+/s  0:00 left", line)


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_is_said_of_a_task_that_is_done_already(terminal: bool) -> None:
    progress = RichProgress(Console(file=io.StringIO(), force_terminal=terminal))
    with progress.task("Training", 20, done=20):
        pass
    assert lines(progress) == []


def test_without_a_terminal_a_line_each_interval() -> None:
    progress = plain(interval=0)
    with progress.task("Sampling", 3) as task:
        task.update(1)
        task.update(2, loss=0.5)
    first, second, last = lines(progress)
    assert re.fullmatch(r"Sampling: 1/3  \S+/s  0:00 left", first)
    assert re.fullmatch(r"Sampling: 2/3  loss 0\.5000  \S+/s  0:00 left", second)
    assert last.startswith("Sampling: 2/3")


def test_speed_and_time_left_count_this_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    progress = plain(interval=5)
    with progress.task("Training", 8000, done=1000) as task:
        now = 110.0
        task.update(1020)
        assert lines(progress) == ["Training: 1020/8000  2/s  58:10 left"]


def test_nothing_more_is_said_after_a_failure() -> None:
    progress = plain(interval=60)

    def fail() -> None:
        with progress.task("Training", 3):
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert lines(progress) == []


def test_a_terminal_gets_a_bar_with_the_figures() -> None:
    progress = RichProgress(Console(file=io.StringIO(), width=120, force_terminal=True))
    with progress.task("Training", 4) as task:
        task.update(4, loss=0.25)
    assert any("Training" in line and "4/4" in line and "loss 0.2500" in line for line in lines(progress))


def test_sentences_are_printed_as_they_are() -> None:
    progress = plain(interval=1)
    progress.say("Training on [bold]/data/x.npz[/bold], which is longer than the forty columns of this console.")
    assert lines(progress) == [
        "Training on [bold]/data/x.npz[/bold], which is longer than the forty columns of this console."
    ]
