"""Ctrl-C and SIGTERM: finish the step, save, and say how to go on."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from types import FrameType

from qdiffusion.errors import QDiffusionError

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(QDiffusionError):  # noqa: N818 (no error)
    """The user stopped a run; everything needed to go on is saved."""

    exit_code = 130

    def __init__(self, run: Path, state: str) -> None:
        super().__init__(f"Stopped {state}; all work is saved. Go on with `qdiffusion resume {quote(str(run))}`.")


@dataclass
class StopRequest:
    """Whether the process has been asked to stop."""

    received: bool = False


@contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """Within the block, the first signal only sets `received`; a second one acts as it did before."""
    request = StopRequest()

    def receive(number: int, frame: FrameType | None) -> None:
        request.received = True
        handlers.close()

    with ExitStack() as handlers:
        for number in SIGNALS:
            handlers.enter_context(_handled_by(receive, number))
        yield request


@contextmanager
def interrupted_by_signal(run: Path, state: str) -> Iterator[None]:
    """Within the block, Ctrl-C and SIGTERM raise `Interrupted` at once: for work that needs no step finished."""
    with _handled_by(signal.default_int_handler, signal.SIGTERM):
        try:
            yield
        except KeyboardInterrupt as error:
            raise Interrupted(run, state) from error


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None], number: int) -> Iterator[None]:
    """Within the block, `handler` receives the signal; only the main thread may, in any other nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
