from .chance import derived
from .distances import (
    hilbert_schmidt_distance,
    infidelity,
    local_infidelity,
    projector,
    trace_distance,
    uhlmann_fidelity,
)
from .ensembles import cluster
from .entanglement import meyer_wallach
from .fidelity import fidelities, fidelity, in_phase
from .haar import haar
from .mmd import mmd
from .product import product
from .reduced import qubit_states

__all__ = [
    "cluster",
    "derived",
    "fidelities",
    "fidelity",
    "haar",
    "hilbert_schmidt_distance",
    "in_phase",
    "infidelity",
    "local_infidelity",
    "meyer_wallach",
    "mmd",
    "product",
    "projector",
    "qubit_states",
    "trace_distance",
    "uhlmann_fidelity",
]
