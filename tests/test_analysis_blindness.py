"""What chance scores by local costs: against what the research log's targets are known to give, and a closed form."""

import pytest

from qdiffusion.analysis.blindness import chance

KNOWN = {4: 0.912, 6: 0.977, 8: 0.994}
"""Local fidelities of two independent Haar states."""


def test_two_haar_states_look_alike_qubit_by_qubit_and_products_do_not():
    """A qubit of a Haar state is maximally mixed on average: half of a pure one."""
    for each in chance(list(KNOWN)):
        assert each.haar == pytest.approx(KNOWN[each.n_qubits], abs=4e-3)
        assert each.products == pytest.approx(0.5, abs=0.01)
