"""Classifier-free guidance: how much a denoiser's labels count."""

from typing import Any, cast

import torch
from jaxtyping import Complex, Float, Int64, Real
from torch import Tensor, nn

from qdiffusion.errors import UsageError
from qdiffusion.states import in_phase
from qdiffusion.states.haar import normalised


def hidden(labels: Int64[Tensor, " n"], share: float, none: int, generator: torch.Generator) -> Int64[Tensor, " n"]:
    """The labels (N,) with about this share of them, drawn one by one, replaced by `none`: what a denoiser learns from
    to do without.
    """
    chance = torch.rand(len(labels), generator=generator, device=generator.device)
    return labels.masked_fill((chance < share).to(labels.device), none)


def shown_labels(
    denoiser: nn.Module, labels: Int64[Tensor, " n"] | None, guidance: float, count: int, device: torch.device
) -> Int64[Tensor, " count"] | None:
    """What labels (count,) to show a denoiser on that device; None if it knows no classes.

    Without labels, a denoiser that knows classes is shown n_classes, the label of none.

    Raises:
        UsageError: labels or guidance for a denoiser that knows no classes, or guidance without labels.
    """
    n_classes = cast(int, denoiser.n_classes)
    if labels is not None or guidance != 1:
        check_guidance(denoiser, f"guidance {guidance:g}" if labels is None else "labels")
    if labels is None and guidance not in (0, 1):
        raise UsageError(
            f"Sampling was given guidance {guidance:g} without labels to guide to; give labels, or guidance 1."
        )
    if n_classes == 0:
        return None
    return torch.full((count,), n_classes, device=device) if labels is None else labels.to(device)


def check_guidance(denoiser: nn.Module, given: str) -> None:
    """Raise UsageError where a denoiser knows no classes and was given labels or guidance."""
    if denoiser.n_classes == 0:
        raise UsageError(
            f"Sampling was given {given}, but the denoiser knows no classes; give no labels and guidance 1, or train a "
            "conditional one."
        )


def guided(
    denoiser: nn.Module,
    x: Float[Tensor, "n ..."],
    t: Real[Tensor, ""],
    labels: Int64[Tensor, " n"] | None,
    guidance: float,
) -> Float[Tensor, "n ..."]:
    """output(none) + g · (output(labels) - output(none)): (N, …).

    g = 0 and g = 1 ask once, for none or for labels alone; any other g asks once for both, in a batch of 2 N.

    Source: Ho and Salimans 2022, eq. 6, with g = 1 + w.
    """
    if labels is None or guidance == 1:
        return denoiser(x, t, labels, return_dict=False)[0]
    none = torch.full_like(labels, cast(int, denoiser.n_classes))
    if guidance == 0:
        return denoiser(x, t, none, return_dict=False)[0]
    both = denoiser(torch.cat([x, x]), t, torch.cat([labels, none]), return_dict=False)[0]
    conditional, unconditional = both.chunk(2)
    return unconditional + guidance * (conditional - unconditional)


def guided_states(
    denoiser: Any,
    x: Complex[Tensor, "n ..."],
    t: int,
    labels: Int64[Tensor, " n"] | None,
    guidance: float,
    generator: torch.Generator,
) -> Complex[Tensor, "n ..."]:
    r"""The same of states, which are equal up to a phase: (N, 2^n), norm 1; of density matrices without labels alone.

    ψ_∅ + g (e^{iφ} ψ_y - ψ_∅), normalised, φ such that ⟨ψ_∅|e^{iφ} ψ_y⟩ ≥ 0. Where a denoiser cannot do without labels,
    ψ_∅ is the mean of what it says for each class, all in phase with x.
    """

    def told(shown: Tensor | None) -> Tensor:
        return denoiser(x, t, shown, return_dict=False, generator=generator)[0]

    if labels is None or guidance == 1:
        return told(labels)
    if denoiser.null_label:
        unconditional = told(torch.full_like(labels, denoiser.n_classes))
        if guidance == 0:
            return unconditional
        conditional = in_phase(told(labels), unconditional)
    else:
        classes = torch.stack([in_phase(told(torch.full_like(labels, c)), x) for c in range(denoiser.n_classes)])
        unconditional, conditional = classes.mean(0), classes[labels, torch.arange(len(labels), device=labels.device)]
    return normalised(unconditional + guidance * (conditional - unconditional))
