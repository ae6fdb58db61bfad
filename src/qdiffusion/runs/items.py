"""What items are, told by the tensor that holds them, and how they lie in a safetensors file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

Kind = Literal["images", "states", "densities", "vectors"]


def kind_of(items: Tensor) -> Kind:
    """Of items (N, …): uint8 ones are images, complex ones states, or densities if matrices, others vectors."""
    if items.dtype == torch.uint8:
        return "images"
    if items.is_complex():
        return "states" if items.ndim == 2 else "densities"
    return "vectors"


def check_items(items: Tensor, leading: int = 1) -> None:
    """Raise ValueError unless `leading` axes, each of length 1 or more, lead to items of one of these kinds.

    images: uint8 (…, C, H, W), C = 1 or 3; states: complex64 or complex128 (…, 2^n), n ≥ 1; densities: the same
    (…, 2^n, 2^n); vectors: float32 (…, d).
    """
    item = tuple(items.shape[leading:])
    length = item[0] if len(item) == 1 else 0
    dimension = item[0] if item and item == item[:1] * len(item) and len(item) < 3 else 0
    quantum = dimension > 1 and dimension.bit_count() == 1
    fits = {
        torch.uint8: len(item) == 3 and item[0] in (1, 3),
        torch.complex64: quantum,
        torch.complex128: quantum,
        torch.float32: length > 0,
    }
    if items.ndim < leading or not items.numel() or not fits.get(items.dtype, False):
        found = f"{items.dtype} of shape {tuple(items.shape)}"
        raise ValueError(f"{found} are no uint8 images, complex states or density matrices, or float32 vectors")
    if not items.isfinite().all():
        raise ValueError("some items are not finite")
    if items.is_complex() and not items.flatten(leading).abs().amax(dim=-1).gt(0).all():
        raise ValueError("a state is zero")


def to_bytes(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """A safetensors file; complex128 lies in it as float64 (…, 2), real and imaginary parts."""
    return save({name: _plain(tensor.detach().cpu()) for name, tensor in tensors.items()}, metadata=metadata)


def from_file(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file that `to_bytes` made, and its metadata.

    Raises:
        OSError, SafetensorError: the file is missing or damaged.
    """
    with safe_open(path, framework="pt") as file:
        tensors = {name: _restored(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (not a dict)
        return tensors, file.metadata() or {}


def _plain(tensor: Tensor) -> Tensor:
    if tensor.dtype == torch.complex128:
        tensor = torch.view_as_real(tensor.resolve_conj())
    return tensor.resolve_conj().contiguous()


def _restored(tensor: Tensor) -> Tensor:
    pairs = tensor.dtype == torch.float64 and tensor.ndim > 0 and tensor.shape[-1] == 2
    return torch.view_as_complex(tensor) if pairs else tensor
