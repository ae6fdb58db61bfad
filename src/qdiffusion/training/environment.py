"""What a run was made with."""

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

from qdiffusion import __version__


def environment() -> dict[str, Any]:
    """Versions and machine, as plain values."""
    libraries = ("torch", "diffusers", "accelerate", "torchmetrics", "numpy")
    return {
        "qdiffusion": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine() + " CPU",
    }
