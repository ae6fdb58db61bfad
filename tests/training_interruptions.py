"""What happens to a training or a sampling in the midst of a step."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from qdiffusion.progress import SilentProgress, SilentTask


@dataclass
class OnUpdate(SilentProgress):
    """Does something at every update of the task with this title."""

    title: str
    action: Callable[[int], None]

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[SilentTask]:
        task = SilentTask()
        if title == self.title:
            task.update = lambda done, **_: self.action(done)  # type: ignore[method-assign]
        yield task


def signal_at(step: int, number: int) -> OnUpdate:
    """Sends this process one signal in the midst of a step."""
    to_send = [number]

    def send(done: int) -> None:
        if done == step and to_send:
            os.kill(os.getpid(), to_send.pop())

    return OnUpdate("Training", send)
