"""A circuit as the denoiser of vectors: its circuit against PennyLane, and that it learns a known score."""

import pennylane as qml
import pytest
import torch

from qdiffusion.data import Space
from qdiffusion.errors import UsageError
from qdiffusion.models import ReuploadingConfig

VECTORS = Space("vectors", (2,), (0, 1))


def test_the_network_is_linear_layers_around_pennylanes_circuit() -> None:
    torch.manual_seed(0)
    model = ReuploadingConfig(n_wires=3, n_layers=2, width=16, conditional=True).build(VECTORS).double()
    torch.nn.init.normal_(model.time_embedding.classes.weight)
    x, t, labels = torch.randn(3, 2, dtype=torch.float64), torch.tensor([0.5, 7.0, 900.0]), torch.tensor([1, 0, 2])

    @qml.qnode(qml.device("default.qubit"))
    def circuit(angles, weights):
        for layer in weights.reshape(2, 1, 3, 3):
            qml.AngleEmbedding(angles, wires=range(3))
            qml.StronglyEntanglingLayers(layer, wires=range(3))
        return [qml.expval(qml.Z(wire)) for wire in range(3)]

    told = torch.cat([x, model.time_embedding(t, labels)], dim=1)
    weights = model.circuit.weights[0].detach()
    read = torch.stack([torch.stack(circuit(a, weights)) for a in model.linear_in(told).detach()])
    torch.testing.assert_close(model(x, t, labels).sample, model.linear_out(torch.cat([read, told], dim=1)))


def test_it_learns_the_score_of_a_known_mixture() -> None:
    """Of ½ N(±m, s²) in two dimensions, where noise σ = 0.5 was mixed in: ε = -σ ∇ log p, by its closed form.

    The best linear map leaves a third of its mean square.
    """
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = ReuploadingConfig(n_wires=4, n_layers=3, width=16).build(Space("vectors", (2,)))
    mean, sigma = torch.tensor([1.0, -0.5]), 0.5
    optimiser = torch.optim.Adam(model.parameters(), 0.05)

    def draw(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        sides = torch.randint(2, (n, 1), generator=generator) * 2 - 1
        clean = sides * mean + 0.2 * torch.randn(n, 2, generator=generator)
        noise = torch.randn(n, 2, generator=generator)
        return clean + sigma * noise, noise

    for _ in range(300):
        x, noise = draw(256)
        loss = (model(x, 0).sample - noise).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    x, _ = draw(2000)
    variance = 0.2**2 + sigma**2
    expected = sigma * (x - torch.tanh(x @ mean / variance)[:, None] * mean) / variance
    with torch.no_grad():
        error = (model(x, 0).sample - expected).square().mean()
    assert error < 0.05 * expected.square().mean()


@pytest.mark.parametrize("options", [{"n_wires": 0}, {"n_layers": 0}, {"width": 20}])
def test_sizes_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        ReuploadingConfig(**options).build(VECTORS)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="takes vectors"):
        ReuploadingConfig().build(Space("states", (4,)))
    with pytest.raises(UsageError, match=r"Vectors of shape \(3,\) do not fit this model; it takes \(2,\)"):
        ReuploadingConfig().build(VECTORS)(torch.randn(1, 3), 0)
