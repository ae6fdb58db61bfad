"""A bar in a terminal, a line every few seconds elsewhere (rich)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichBar
from rich.progress import Task as RichTask
from rich.text import Text

from qdiffusion.progress.report import SilentTask, Task


@dataclass
class RichProgress:
    """A bar with figures, speed and time left; where there is no terminal, a line every `interval` seconds."""

    console: Console = field(default_factory=lambda: Console(stderr=True))
    interval: float = 10.0

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        if done >= total:
            yield SilentTask()
            return
        if not self.console.is_terminal:
            lines = LineTask(self.console, title, total, done, self.interval)
            yield lines
            lines.print()
            return
        with RichBar(*_columns(), console=self.console) as bar:
            yield BarTask(bar, bar.add_task(title, total=total, completed=done, figures=""))

    def say(self, sentence: str) -> None:
        self.console.print(sentence, markup=False, highlight=False, soft_wrap=True)


@dataclass
class BarTask:
    """A task as a bar in a terminal."""

    bar: RichBar
    number: TaskID

    def update(self, done: int, **figures: float) -> None:
        shown: dict[str, Any] = {"figures": _figures(figures)} if figures else {}
        self.bar.update(self.number, completed=done, **shown)


class LineTask:
    """A task as lines of text, for logs: every `interval` seconds, and at the end."""

    def __init__(self, console: Console, title: str, total: int, done: int, interval: float) -> None:
        self._console, self._title, self._total, self._interval = console, title, total, interval
        self._first_done, self._started = done, time.monotonic()
        self._done, self._next = done, self._started + interval
        self._figures: dict[str, float] = {}

    def update(self, done: int, **figures: float) -> None:
        self._done = done
        self._figures |= figures
        if time.monotonic() >= self._next:
            self.print()

    def print(self) -> None:
        """Print where the task is now."""
        now = time.monotonic()
        self._next = now + self._interval
        speed = (self._done - self._first_done) / max(now - self._started, 1e-9)
        left = _clock((self._total - self._done) / speed) if speed else "?"
        place = f"{self._title}: {self._done}/{self._total}"
        words = filter(None, [place, _figures(self._figures), f"{speed:.3g}/s", f"{left} left"])
        self._console.print("  ".join(words), markup=False, highlight=False, soft_wrap=True)


class SpeedColumn(ProgressColumn):
    """Units done a second."""

    def render(self, task: RichTask) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g}/s")


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        SpeedColumn(),
        TimeRemainingColumn(),
    )


def _figures(figures: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in figures.items())


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
