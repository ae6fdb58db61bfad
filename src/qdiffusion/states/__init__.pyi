from .chance import derived
from .ensembles import cluster
from .fidelity import fidelities, fidelity
from .haar import haar
from .mmd import mmd

__all__ = ["cluster", "derived", "fidelities", "fidelity", "haar", "mmd"]
