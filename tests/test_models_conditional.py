"""Denoisers that are told labels: U-Nets, hybrids and MLPs alike."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from qdiffusion.data import Space
from qdiffusion.errors import UsageError
from qdiffusion.models import MLPConfig, QVUNetConfig, UNetConfig
from qdiffusion.models.embedding import ClassEmbedding, TimeEmbedding

TINY = {"dim": 4, "multipliers": (1, 2), "heads": 2, "head_dim": 4, "groups": 4, "conditional": True}
CLASSES = 3
IMAGES, VECTORS = Space("images", (1, 8, 8), tuple(range(CLASSES))), Space("vectors", (6,), tuple(range(CLASSES)))
CASES = {
    "unet": (UNetConfig(**TINY), IMAGES),
    "qvunet": (QVUNetConfig(**TINY, circuits=1, ansatz="fqconv", n_layers=1), IMAGES),
    "mlp": (MLPConfig(width=16, depth=2, conditional=True), VECTORS),
}
EVERY = pytest.mark.parametrize("case", CASES)
ROWS = "time_embedding.classes.weight"
T = torch.tensor([3, 300, 40])


def build(case: str) -> nn.Module:
    config, space = CASES[case]
    return config.build(space)


def with_rows(case: str) -> nn.Module:
    """As if it had learnt: rows that differ."""
    model = build(case)
    nn.init.normal_(model.get_parameter(ROWS), generator=torch.Generator().manual_seed(1))
    return model


def noisy(case: str, count: int = 3) -> Tensor:
    return torch.randn((count, *CASES[case][1].shape), generator=torch.Generator().manual_seed(2))


def said(model: nn.Module, x: Tensor, labels: list[int] | None) -> Tensor:
    return model(x, T[: len(x)], None if labels is None else torch.tensor(labels), return_dict=False)[0]


@EVERY
def test_a_fresh_conditional_network_is_the_unconditional_one_of_the_same_seed(case):
    config, space = CASES[case]
    torch.manual_seed(7)
    plain = replace(config, conditional=False).build(space)
    plain_next = torch.rand(())
    torch.manual_seed(7)
    conditional = config.build(space)
    assert torch.equal(torch.rand(()), plain_next)

    weights: Mapping[str, Tensor] = conditional.state_dict()
    assert set(weights) - set(plain.state_dict()) == {ROWS}
    assert all(torch.equal(weights[name], weight) for name, weight in plain.state_dict().items())
    assert (plain.n_classes, conditional.n_classes) == (0, CLASSES)
    x = noisy(case)
    for labels in ([0, 1, 2], [3, 3, 3], None):
        assert torch.equal(said(conditional, x, labels), said(plain, x, None))


@EVERY
def test_the_loss_reaches_each_row_that_was_told_and_no_other(case):
    model = build(case)
    rows = model.get_parameter(ROWS)
    assert rows.shape[0] == CLASSES + 1
    x = noisy(case)
    for labels, told in (([0, 2, 2], [0, 2]), ([1, 3, 1], [1, 3]), (None, [CLASSES])):
        model.zero_grad()
        said(model, x, labels).square().sum().backward()
        assert (rows.grad != 0).any(dim=1).nonzero().flatten().tolist() == told
        learnt = rows.grad[told]
        assert len(learnt.unique(dim=0)) == len(told)


@EVERY
def test_the_last_row_stands_for_no_label(case):
    model, x = with_rows(case), noisy(case)
    none = said(model, x, None)
    assert torch.equal(said(model, x, [CLASSES] * 3), none)
    for label in range(CLASSES):
        assert not torch.allclose(said(model, x, [label] * 3), none, rtol=1e-4, atol=1e-4)
    mixed = said(model, x, [CLASSES, 1, CLASSES])
    torch.testing.assert_close(mixed[[0, 2]], none[[0, 2]])


@EVERY
def test_labels_of_a_batch_go_to_their_own_items(case):
    model, x, labels = with_rows(case).double(), noisy(case).double(), [2, 0, 3]
    alone = torch.cat([model(x[i : i + 1], T[i : i + 1], torch.tensor(labels[i : i + 1])).sample for i in range(3)])
    torch.testing.assert_close(said(model, x, labels), alone)


def test_the_row_is_added_to_the_time_embedding():
    embedding = TimeEmbedding(4, CLASSES).double()
    nn.init.normal_(embedding.classes.weight)
    labels = torch.tensor([2, 0, 3])
    unlabelled = TimeEmbedding(4).double()
    unlabelled.load_state_dict(
        {name: weight for name, weight in embedding.state_dict().items() if "classes" not in name}
    )
    expected = unlabelled(T) + embedding.classes.weight[labels]
    torch.testing.assert_close(embedding(T, labels), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("labels", [None, torch.tensor([2, 0, 3])])
def test_rows_keep_the_precision_of_the_time_embedding(labels):
    with torch.autocast("cpu", torch.bfloat16):
        assert TimeEmbedding(4, CLASSES)(T, labels).dtype == TimeEmbedding(4)(T).dtype == torch.bfloat16


@EVERY
def test_what_depends_on_the_label_alone_is_learnt(case):
    """The target is the label's own level, and x says nothing of it: without labels the error is its variance."""
    model, generator = build(case), torch.Generator().manual_seed(0)
    levels = torch.tensor([-1.0, 0.0, 1.0])
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(80):
        x = torch.randn((12, *CASES[case][1].shape), generator=generator)
        labels, t = torch.arange(CASES[case][1].n_classes).repeat(4), torch.randint(1000, (12,), generator=generator)
        target = levels[labels].view(-1, *[1] * (x.ndim - 1)).expand_as(x)
        loss = (model(x, t, labels, return_dict=False)[0] - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1 * levels.var(correction=0)


@pytest.mark.parametrize("case", ["unet", "mlp"])
def test_half_precision_hears_labels(case):
    model, x = with_rows(case), noisy(case)
    exact = said(model, x, [0, 1, 2])
    with torch.autocast("cpu", torch.bfloat16):
        rough = said(model, x, [0, 1, 2])
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().mean() < 0.1 * exact.abs().mean()
    assert said(model.to(torch.bfloat16), x.to(torch.bfloat16), [0, 1, 2]).dtype == torch.bfloat16


@EVERY
def test_a_conditional_network_needs_data_with_labels(case):
    config, space = CASES[case]
    unlabelled = replace(space, classes=())
    with pytest.raises(UsageError, match="needs labels, and the data have none"):
        config.build(unlabelled)
    replace(config, conditional=False).build(unlabelled)


@EVERY
@pytest.mark.parametrize("labels", [[0, 1, 4], [-1, 0, 1]])
def test_labels_that_are_none_of_the_classes_are_refused(case, labels):
    with pytest.raises(UsageError, match=r"0 … 2, and 3 for no label\.$"):
        said(build(case), noisy(case), labels)


@EVERY
def test_an_unconditional_network_refuses_labels(case):
    config, space = CASES[case]
    with pytest.raises(UsageError, match="unconditional and got class labels"):
        said(replace(config, conditional=False).build(space), noisy(case), [0, 1, 2])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("labels", [torch.tensor([1]), torch.tensor(1), torch.tensor([[1, 0, 2]])])
def test_labels_have_to_be_one_an_item(labels):
    with pytest.raises(UsageError, match=r"expected \(3,\)"):
        ClassEmbedding(CLASSES, 4)(torch.zeros(3, 4), labels)
