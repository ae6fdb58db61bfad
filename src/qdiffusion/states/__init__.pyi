from .bitstrings import bitstring_mmd
from .chance import derived
from .checks import check_density, check_states
from .distances import (
    hilbert_schmidt_distance,
    infidelity,
    local_infidelity,
    projector,
    super_fidelities,
    super_fidelity,
    trace_distance,
    uhlmann_fidelity,
)
from .ensembles import circle, cluster, correlated, tfim, xxz
from .entanglement import entanglement_entropy, meyer_wallach, mutual_information, schmidt_spectrum
from .entropy import page_entropy, purity, renyi2_entropy, von_neumann_entropy
from .fidelity import fidelities, fidelity, haar_magnitude_fidelity, in_phase, magnitude_fidelity
from .ground_states import tfim_ground_states, xxz_ground_states
from .haar import haar, haar_unitaries
from .magnetisation import magnetisation, mixed_magnetisation
from .mmd import mixed_mmd, mmd
from .otoc import ladder_angles, ladder_decay, ladder_otoc, otoc
from .product import product
from .reduced import partial_trace, qubit_states, reduced_density
from .saturation import LinearFit, depth_fit, line_fit, saturation_depth, scrambling_depth
from .transport import mixed_sinkhorn, mixed_wasserstein, sinkhorn, wasserstein
from .unitaries import average_gate_fidelity, local_hilbert_schmidt_test, process_fidelity
from .wigner import negative_share, sum_negativity, wigner

__all__ = [
    "LinearFit",
    "average_gate_fidelity",
    "bitstring_mmd",
    "check_density",
    "check_states",
    "circle",
    "cluster",
    "correlated",
    "depth_fit",
    "derived",
    "entanglement_entropy",
    "fidelities",
    "fidelity",
    "haar",
    "haar_magnitude_fidelity",
    "haar_unitaries",
    "hilbert_schmidt_distance",
    "in_phase",
    "infidelity",
    "ladder_angles",
    "ladder_decay",
    "ladder_otoc",
    "line_fit",
    "local_hilbert_schmidt_test",
    "local_infidelity",
    "magnetisation",
    "magnitude_fidelity",
    "meyer_wallach",
    "mixed_magnetisation",
    "mixed_mmd",
    "mixed_sinkhorn",
    "mixed_wasserstein",
    "mmd",
    "mutual_information",
    "negative_share",
    "otoc",
    "page_entropy",
    "partial_trace",
    "process_fidelity",
    "product",
    "projector",
    "purity",
    "qubit_states",
    "reduced_density",
    "renyi2_entropy",
    "saturation_depth",
    "schmidt_spectrum",
    "scrambling_depth",
    "sinkhorn",
    "sum_negativity",
    "super_fidelities",
    "super_fidelity",
    "tfim",
    "tfim_ground_states",
    "trace_distance",
    "uhlmann_fidelity",
    "von_neumann_entropy",
    "wasserstein",
    "wigner",
    "xxz",
    "xxz_ground_states",
]
