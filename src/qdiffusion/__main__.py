"""`python -m qdiffusion` is the `qdiffusion` command."""

import sys

from qdiffusion.cli import main

if __name__ == "__main__":
    sys.exit(main())
