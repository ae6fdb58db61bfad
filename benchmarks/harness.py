"""What every benchmark shares: timing, turns, the machine, child processes, the command line and the JSON it writes.

A result file is one JSON object: question, command, revision, versions, machine, rows, skipped, bars. A row is a flat
object; a `Timing` in it is {"median", "min", "max", "repeats", "turns"}, in seconds.
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ":(glob)benchmarks/*.py"
PACKAGES = ("qdiffusion", "torch", "numpy", "pennylane", "pennylane_lightning", "jax", "jaxlib", "tensorcircuit-ng")


@dataclass(frozen=True)
class Turn:
    """Seconds of the calls of one turn."""

    median: float
    min: float
    max: float

    def scaled(self, factor: float) -> "Turn":
        """The times of `factor` times the work, where work and time grow together."""
        return Turn(self.median * factor, self.min * factor, self.max * factor)


@dataclass(frozen=True)
class Timing(Turn):
    """Wall time of a call in seconds, over `repeats` calls after warm-up, and each turn's where there were several."""

    repeats: int
    turns: tuple[Turn, ...] = ()

    def scaled(self, factor: float) -> "Timing":
        turns = tuple(turn.scaled(factor) for turn in self.turns)
        return Timing(**vars(super().scaled(factor)), repeats=self.repeats, turns=turns)

    def over(self, other: "Timing") -> float:
        """How many times longer than `other`: the median of the rounds' ratios, so that what the machine does from one
        round to the next cancels.
        """
        pairs = zip(self.turns, other.turns, strict=True)
        return statistics.median(mine.median / theirs.median for mine, theirs in pairs)


@dataclass(frozen=True)
class Bar:
    """A figure that must be reached: `value` on the `better` side of `limit`."""

    what: str
    value: float
    limit: float
    better: str

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.better == "higher" else self.value <= self.limit


@dataclass(frozen=True)
class Effort:
    """How long a benchmark may take: each call is repeated at least `repeats` times and for `seconds`."""

    repeats: int
    seconds: float


@dataclass(frozen=True)
class Rounds:
    """So many rounds, in each of which every side has a turn of `seconds` or of one call."""

    count: int
    seconds: float


FULL, QUICK = Effort(repeats=5, seconds=3.0), Effort(repeats=2, seconds=0.0)
FULL_ROUNDS, QUICK_ROUNDS = Rounds(9, seconds=0.3), Rounds(2, seconds=0.0)


def timed(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def timing_of(*turns: Sequence[float]) -> Timing:
    """Median and range of single times, over all turns and of each."""
    over_all = _turn_of([seconds for turn in turns for seconds in turn])
    each = tuple(map(_turn_of, turns)) if len(turns) > 1 else ()
    return Timing(**vars(over_all), repeats=sum(map(len, turns)), turns=each)


def measure(call: Callable[[], object], effort: Effort) -> Timing:
    """The times of a call that has been made at least once before."""
    call()
    times: list[float] = []
    while len(times) < effort.repeats or sum(times) < effort.seconds:
        times.append(timed(call))
    return timing_of(times)


def take_turns(turns: Mapping[str, Callable[[], Sequence[float]]], count: int) -> dict[str, Timing]:
    """`count` rounds in which every side has its turn, one after another: the machine's drift hits all alike."""
    times: dict[str, list[Sequence[float]]] = {name: [] for name in turns}
    for _ in range(count):
        for name, turn in turns.items():
            times[name].append(turn())
    return {name: timing_of(*each) for name, each in times.items()}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_child(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result, from a fresh process with all cores to itself: no thread pool disturbs another's.

    The function must stand at the top of a module; arguments and result are pickled.
    """
    with _process() as pool:
        return pool.submit(function, *args, **kwargs).result()


class Ready(NamedTuple):
    """What a side has prepared: something to hand over, and the calls that are timed, by name."""

    given: Any
    calls: Mapping[str, Callable[[], object]]


class Side:
    """One of those that are compared, in a process of its own. Between its turns it waits for a word from here, asleep.

    `prepare(*args)` runs in the process and stands at the top of a module; what it gives is `given`.
    """

    def __init__(self, prepare: Callable[P, Ready], *args: P.args, **kwargs: P.kwargs) -> None:
        self._pool = _process()
        self.given = self._pool.submit(_prepare, partial(prepare, *args, **kwargs)).result()

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def turn(self, name: str, seconds: float) -> list[float]:
        """The times of a call repeated for so many seconds. The first, which wakes caches and threads up, counts only
        where there is no other.
        """
        return self._pool.submit(_turn, name, seconds).result()


_calls: dict[str, Callable[[], object]] = {}
"""In a side's process: what it has prepared."""


def _prepare(prepare: Callable[[], Ready]) -> Any:
    given, calls = prepare()
    _calls.update(calls)
    return given


def _turn(name: str, seconds: float) -> list[float]:
    times = [timed(_calls[name])]
    while sum(times) < seconds:
        times.append(timed(_calls[name]))
    return times[1:] or times


def _process() -> ProcessPoolExecutor:
    # Read by OpenMP and the linear algebra libraries when the child loads them, hence before it starts.
    os.environ["OMP_NUM_THREADS"] = str(cores())
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def parser(question: str | None) -> argparse.ArgumentParser:
    """--quick and --out, the same for every benchmark; the question is the module's docstring."""
    options = argparse.ArgumentParser(description=question, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="small sizes, few repeats: does it run, do values agree")
    options.add_argument("--out", type=Path, help="write the JSON here as well as to the standard output")
    return options


def report(
    question: str, rows: Sequence[dict[str, Any]], bars: Sequence[Bar], skipped: Sequence[str], *, quick: bool
) -> dict[str, Any]:
    """The result file's object; bars are judged in full runs only."""
    return {
        "question": question,
        "command": shlex.join(["python", *(_from_root(arg) for arg in sys.argv)]),
        "quick": quick,
        "revision": revision(),
        "versions": versions(),
        "machine": machine(),
        "rows": [_plain(row) for row in rows],
        "skipped": list(skipped),
        "bars": [] if quick else [{**asdict(bar), "met": bar.met} for bar in bars],
    }


def publish(result: dict[str, Any], out: Path | None) -> None:
    """Prints the result as JSON and writes it to `out` where given."""
    text = json.dumps(result, indent=1, ensure_ascii=False)
    print(text)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")


def revision() -> str:
    """The commit of the package that is measured, marked where it or the benchmarks have changes; "unknown" outside a
    git checkout.
    """
    package = find_spec("qdiffusion")
    if package is None or package.origin is None:
        return "unknown"
    folder = Path(package.origin).parent
    try:
        head = _git(folder, "rev-parse", "--short", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--", ".") + _git(
            ROOT, "status", "--porcelain", "--", BENCHMARKS
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head} with changes" if changes else head


def versions() -> dict[str, str]:
    """Versions of Python and of what is installed of the packages compared."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """What it ran on, and how busy that was: a load well above the cores in use spoils the times."""
    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "threads": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def _from_root(arg: str) -> str:
    path = Path(arg)
    return str(path.relative_to(ROOT)) if path.is_absolute() and path.is_relative_to(ROOT) else arg


def _turn_of(seconds: Sequence[float]) -> Turn:
    return Turn(statistics.median(seconds), min(seconds), max(seconds))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: asdict(value) if isinstance(value, Timing) else value for key, value in row.items()}
