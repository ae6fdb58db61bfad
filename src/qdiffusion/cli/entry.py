"""Where the command starts and where every failure becomes one sentence and an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence

from qdiffusion.capacity import ran_out_of_memory
from qdiffusion.cli.parser import parse
from qdiffusion.errors import QDiffusionError

INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; nothing but `--debug` shows a traceback.

    Args:
        argv: the words after `qdiffusion`; those of the process when None.

    Returns:
        0 done · 1 failed · 2 the request is wrong · 130 interrupted · 141 the reader of stdout went away.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    try:
        request = parse([word for word in words if word != "--debug"])
        request.verb(request)
        sys.stdout.flush()
    except SystemExit as finished:
        return int(finished.code or 0)
    except BrokenPipeError:
        # Python flushes stdout once more as it exits; that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt as error:
        return _fail(error, "Interrupted.", INTERRUPTED, debug)
    except QDiffusionError as error:
        return _fail(error, str(error), error.exit_code, debug)
    except Exception as error:
        if ran_out_of_memory(error):
            return _fail(error, f"Memory ran out ({error}); ask for less: a smaller batch, model or count.", 1, debug)
        sentence = f"Unexpected {type(error).__name__}: {error}; run again with --debug to see where."
        return _fail(error, sentence, 1, debug)
    return 0


def _fail(error: BaseException, sentence: str, exit_code: int, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    print("error:", " ".join(sentence.split()), file=sys.stderr)
    return exit_code
