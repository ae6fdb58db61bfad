"""Networks whose weights no longer change: what follows from the weights alone is computed once."""

from copy import copy
from typing import TypeVar, cast

from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def frozen(module: Module) -> Module:
    """The module with each part that has a method `frozen` replaced by what that returns; it computes the same, faster.

    Parts without one are copied, their weights shared. Change no weight of either as long as the result is used, and
    ask it for no gradients.
    """
    own = getattr(module, "frozen", None)
    if own is not None:
        return cast(Module, own())
    copied = copy(module)
    copied._modules = {name: part if part is None else frozen(part) for name, part in module._modules.items()}
    return copied
