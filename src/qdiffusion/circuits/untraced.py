"""What torch.compile calls instead of tracing it; imported only then, because the marker loads all of Dynamo."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


@torch.compiler.disable
def untraced(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(*args, **kwargs)`: the graph breaks here."""
    return function(*args, **kwargs)
