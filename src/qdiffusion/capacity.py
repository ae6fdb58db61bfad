"""What this machine can hold, asked before it is filled."""

import shutil
from pathlib import Path

from qdiffusion.errors import UsageError

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def check_memory(needed: int, what: str, instead: str, free: int | None = None) -> None:
    """Refuse what cannot fit the free memory.

    Args:
        needed: bytes.
        what: the sentence's subject, "A model with so many parameters".
        instead: what to do, "give a smaller dim".
        free: bytes; those of the machine's own memory when None.

    Raises:
        UsageError: it does not fit.
    """
    if free is None:
        from psutil import virtual_memory

        free = virtual_memory().available
    _check(needed, free, "memory", what, instead)


def check_disk(needed: int, folder: Path, what: str, instead: str) -> None:
    """Refuse what cannot fit the disk that `folder`, which need not exist yet, lies on. Otherwise as `check_memory`."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    _check(needed, shutil.disk_usage(nearest).free, f"the disk of {nearest}", what, instead)


def readable(size: int) -> str:
    """Bytes in the unit that suits them: "1.7 TB"."""
    if size >= 1000 ** len(UNITS):
        return f"more than 1,000 {UNITS[-1]}"
    power = next(power for power in reversed(range(len(UNITS))) if size >= 1000**power or power == 0)
    return f"{size / 1000**power:.3g} {UNITS[power]}"


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, as Python or torch, which has no type for it on the CPU, says it."""
    told = ("not enough memory", "can't allocate memory", "CUDA out of memory")
    return isinstance(error, MemoryError) or any(words in str(error) for words in told)


def _check(needed: int, free: int, where: str, what: str, instead: str) -> None:
    if needed > free:
        raise UsageError(f"{what} needs {readable(needed)}, but {where} has {readable(free)} free; {instead}.")
