"""Tasks of torch side by side, one thread each.

Small networks scale badly within an operation: two threads that compute a batch each do nearly twice what two threads
do that share one.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event
from typing import TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Task, Callable[[], None]], Result],
    tasks: Iterable[Task],
    n_threads: int,
    on_step: Callable[[], None],
    on_result: Callable[[Task, Result], None],
) -> None:
    """Run `work(task, step)` of every task, at most `n_threads` at once, each with one thread of torch's.

    `work` calls `step()` now and then. `on_step()` after each such call and `on_result(task, result)` of each task that
    ends are called here, in the caller's thread. What is raised here or there, Ctrl-C too, ends the others at their
    next step, and is raised.
    """
    stopped = Event()
    events: SimpleQueue[Future[Result] | None] = SimpleQueue()

    def step() -> None:
        if stopped.is_set():
            raise _Stopped
        events.put(None)

    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(n_threads, "qdiffusion", _take_one_thread)
    try:
        waiting = {pool.submit(work, task, step): task for task in tasks}
        for future in waiting:
            future.add_done_callback(events.put)
        while waiting:
            event = events.get()
            if event is None:
                on_step()
            else:
                on_result(waiting.pop(event), event.result())
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


class _Stopped(Exception):  # noqa: N818 (no error)
    """The tasks were called off."""


def _take_one_thread() -> None:
    # OpenMP counts threads for each thread that calls it; torch sets that count at a thread's first use, which would
    # undo what was set before.
    torch.get_num_threads()
    torch.set_num_threads(1)
