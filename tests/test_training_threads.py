"""Tasks run side by side: each with one thread, all heard in the caller's, none going on behind its back."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from qdiffusion.training.threads import side_by_side

Step = Callable[[], None]


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_every_result_and_every_step_is_heard_in_the_callers_thread(n_threads: int) -> None:
    here, results, steps = threading.get_ident(), {}, []

    def work(task: int, step: Step) -> int:
        assert threading.get_ident() != here
        for _ in range(task):
            step()
        return task**2

    def keep(task: int, result: int) -> None:
        results[task] = (result, threading.get_ident())

    side_by_side(work, range(6), n_threads, lambda: steps.append(threading.get_ident()), keep)
    assert results == {task: (task**2, here) for task in range(6)}
    assert steps == [here] * sum(range(6))


def test_each_task_has_one_thread_of_torchs_and_the_caller_keeps_its_own() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    found: list[int] = []

    def work(task: int, step: Step) -> int:
        torch.ones(1 << 16).exp()  # the first operation, at which a thread would take what the process has
        return torch.get_num_threads()

    try:
        side_by_side(work, range(4), 2, lambda: None, lambda _, threads: found.append(threads))
        assert found == [1] * 4
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as later:  # a thread of later takes what the process has
            assert later.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("where", ["step", "result", "work"])
def test_what_is_raised_ends_all_the_others(where: str) -> None:
    ended: list[int] = []

    def work(task: int, step: Step) -> None:
        try:
            if where == "work" and task == 0:
                raise KeyboardInterrupt("work")
            for _ in range(1 if task == 0 else 10**9):
                step()
        finally:
            ended.append(task)

    def interrupt() -> None:
        raise KeyboardInterrupt("step")

    def keep(task: int, result: None) -> None:
        raise KeyboardInterrupt("result")

    with pytest.raises(KeyboardInterrupt, match=where):
        side_by_side(work, range(50), 2, interrupt if where == "step" else lambda: None, keep)
    assert len(ended) <= 3  # those under way; none behind them was begun
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("qdiffusion")]
