"""How far a task is: what work reports to, and the one that says nothing."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """A task under way."""

    def update(self, done: int, **figures: float) -> None:
        """Say that `done` units are done in all, and what was measured (`loss=0.12`)."""


class Progress(Protocol):
    """Where fetching, training, sampling and evaluation report how far they are."""

    def task(self, title: str, total: int, done: int = 0) -> AbstractContextManager[Task]:
        """Begin a task of `total` units, `done` of which were done by an earlier process; it ends with the block.

        Nothing is reported of a task that is done already.
        """

    def say(self, sentence: str) -> None:
        """Tell something worth knowing."""


class SilentTask:
    """A task nobody watches."""

    def update(self, done: int, **figures: float) -> None:
        pass


class SilentProgress:
    """Reports nothing."""

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        yield SilentTask()

    def say(self, sentence: str) -> None:
        pass
