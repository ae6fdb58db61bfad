"""Ctrl-C and SIGTERM: finish the step, save, and say how to go on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from qdiffusion.errors import QDiffusionError

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(QDiffusionError):  # noqa: N818 (no error)
    """The user stopped a run; everything needed to go on is saved."""

    exit_code = 130

    def __init__(self, run: Path, state: str) -> None:
        super().__init__(f"Stopped {state}; all work is saved. Go on with `qdiffusion resume {run}`.")


@dataclass
class StopRequest:
    """Whether the process has been asked to stop."""

    received: bool = False


@contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """Within the block, the first signal only sets `received`; a second one acts as it did before.

    Signal handlers belong to the main thread; in any other the block leaves them alone.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def receive(number: int, frame: FrameType | None) -> None:
        request.received = True
        restore()

    for number in SIGNALS:
        signal.signal(number, receive)
    try:
        yield request
    finally:
        restore()
