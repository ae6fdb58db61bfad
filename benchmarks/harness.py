"""What every benchmark shares: timing, the machine, child processes, the command line and the JSON it writes.

A result file is one JSON object: question, command, revision, versions, machine, rows, skipped, bars. A row is a flat
object; a `Timing` in it is {"median", "min", "max", "repeats"}, in seconds.
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
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ROOT = Path(__file__).parent.parent
PACKAGES = ("qdiffusion", "torch", "numpy", "pennylane", "pennylane_lightning", "jax", "jaxlib", "tensorcircuit-ng")


@dataclass(frozen=True)
class Timing:
    """Wall time of a call in seconds, over `repeats` calls after warm-up."""

    median: float
    min: float
    max: float
    repeats: int

    def scaled(self, factor: float) -> "Timing":
        """The times of `factor` times the work, where work and time grow together."""
        return Timing(self.median * factor, self.min * factor, self.max * factor, self.repeats)


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


FULL, QUICK = Effort(repeats=5, seconds=3.0), Effort(repeats=2, seconds=0.0)


def timed(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def timing_of(seconds: Sequence[float]) -> Timing:
    """Median and range of single times."""
    return Timing(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


def measure(call: Callable[[], object], effort: Effort) -> Timing:
    """The times of a call that has been made at least once before."""
    call()
    times: list[float] = []
    while len(times) < effort.repeats or sum(times) < effort.seconds:
        times.append(timed(call))
    return timing_of(times)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_child(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result, from a fresh process with all cores to itself: no thread pool disturbs another's.

    The function must stand at the top of a module; arguments and result are pickled.
    """
    # Read by OpenMP and the linear algebra libraries when the child loads them, hence before it starts.
    os.environ["OMP_NUM_THREADS"] = str(cores())
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()


def arguments(question: str | None, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """--quick and --out, the same for every benchmark; the question is the module's docstring."""
    parser = argparse.ArgumentParser(description=question, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and few repeats: does it run, do values agree"
    )
    parser.add_argument("--out", type=Path, help="write the JSON here as well as to the standard output")
    return parser.parse_args(argv)


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
    """The commit that is measured, marked where files differ from it; "unknown" outside a git checkout."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changes = _git("status", "--porcelain", "--", "src", ":(glob)benchmarks/*.py")
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


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _from_root(arg: str) -> str:
    path = Path(arg)
    return str(path.relative_to(ROOT)) if path.is_absolute() and path.is_relative_to(ROOT) else arg


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: asdict(value) if isinstance(value, Timing) else value for key, value in row.items()}
