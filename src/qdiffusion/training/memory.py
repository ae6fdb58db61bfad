"""Memory that a training keeps between its steps."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of <malloc.h>
_LARGE = 2**31 - 1


def keep_memory() -> None:
    """Let the C library hold on to freed memory, where it is glibc.

    glibc maps every large block anew and gives it back when it is freed, so that each step takes its memory from the
    system page by page: a fifth of a step of the U-Net at 28×28. From here on blocks are reused; a process stays as
    large as it has once been.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _LARGE)
        # A thread's own arena has room for 64 MB; what is larger it would map anew.
        mallopt(_ARENA_MAX, 1)
