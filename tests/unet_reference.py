"""The U-Net once more, written out from the paper's description as plain formulas over a dictionary of weights."""

import math

import torch
from torch.nn import functional


def layer_norm(x, gain):
    mean = x.mean(1, keepdim=True)
    variance = ((x - mean) ** 2).mean(1, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * gain


def group_norm(x, groups, weight, bias):
    n, c, h, w = x.shape
    grouped = x.reshape(n, groups, -1)
    mean = grouped.mean(2, keepdim=True)
    variance = ((grouped - mean) ** 2).mean(2, keepdim=True)
    normed = ((grouped - mean) / (variance + 1e-6).sqrt()).reshape(n, c, h, w)
    return normed * weight.view(1, c, 1, 1) + bias.view(1, c, 1, 1)


def standardised_conv(x, weight, bias):
    filters = []
    for kernel in weight:
        mean = kernel.sum() / kernel.numel()
        variance = ((kernel - mean) ** 2).sum() / kernel.numel()
        filters.append((kernel - mean) / (variance + 1e-5).sqrt())
    return functional.conv2d(x, torch.stack(filters), bias, padding=1)


def silu(x):
    return x / (1 + torch.exp(-x))


def linear_attention(x, p, heads, head_dim):
    n, c, h, w = x.shape
    qkv = torch.einsum("oc,nchw->nohw", p["qkv.weight"], layer_norm(x, p["norm.gain"]))
    q, k, v = qkv.reshape(n, 3, heads, head_dim, h * w).unbind(1)
    q = q.exp() / q.exp().sum(2, keepdim=True) / math.sqrt(head_dim)
    k = k.exp() / k.exp().sum(3, keepdim=True)
    memory = torch.einsum("bhdn,bhen->bhde", k, v / (h * w))
    attended = torch.einsum("bhde,bhdn->bhen", memory, q).reshape(n, heads * head_dim, h, w)
    out = torch.einsum("co,nohw->nchw", p["out.weight"], attended) + p["out.bias"].view(1, c, 1, 1)
    return x + layer_norm(out, p["out_norm.gain"])


def vertex_attention(x, p, heads, head_dim, over_positions=False):
    n, _, h, w = x.shape
    qkv = functional.conv2d(layer_norm(x, p["norm.gain"]), p["qkv.weight"])
    q, k, v = qkv.reshape(n, 3, heads, head_dim, h * w).unbind(1)
    axis = 3 if over_positions else 2
    q, k = (a / (a**2).sum(axis, keepdim=True).sqrt() for a in (q, k))
    logits = 10 * torch.einsum("bhdi,bhdj->bhij", q, k)
    weights = logits.exp() / logits.exp().sum(3, keepdim=True)
    attended = torch.einsum("bhij,bhdj->bhdi", weights, v).reshape(n, heads * head_dim, h, w)
    return x + functional.conv2d(attended, p["out.weight"], p["out.bias"])


def res_block(x, time, p, groups):
    scale, shift = (silu(time) @ p["time.1.weight"].T + p["time.1.bias"]).chunk(2, dim=1)
    h = standardised_conv(x, p["first.weight"], p["first.bias"])
    h = group_norm(h, groups, p["first_norm.weight"], p["first_norm.bias"])
    h = silu(h * (scale[..., None, None] + 1) + shift[..., None, None])
    h = standardised_conv(h, p["second.weight"], p["second.bias"])
    h = silu(group_norm(h, groups, p["second_norm.weight"], p["second_norm.bias"]))
    if "residual.weight" in p:
        x = functional.conv2d(x, p["residual.weight"], p["residual.bias"])
    return h + x


def time_embedding(t, p, dim):
    rows = []
    for value in t.tolist():
        phases = [value * math.exp(-math.log(10000) * i / (dim // 2 - 1)) for i in range(dim // 2)]
        rows.append([math.sin(phase) for phase in phases] + [math.cos(phase) for phase in phases])
    h = torch.tensor(rows, dtype=torch.float64) @ p["network.0.weight"].T + p["network.0.bias"]
    h = 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
    return h @ p["network.2.weight"].T + p["network.2.bias"]


def nearest(x, size):
    old = x.shape[-1]
    rows = [math.floor((i + 0.5) * old / size) for i in range(size)]
    return x[:, :, rows][:, :, :, rows]


def sub(state, prefix):
    return {name[len(prefix) + 1 :]: value for name, value in state.items() if name.startswith(prefix + ".")}


def conv(x, state, name, **options):
    p = sub(state, name)
    return functional.conv2d(x, p["weight"], p["bias"], **options)


def unet(state, x, t, dim, groups, heads, head_dim):
    """The paper's network for 28×28 images; `state` in float64."""

    def block(x, name):
        return res_block(x, time, sub(state, name), groups)

    def attend(x, name):
        return linear_attention(x, sub(state, f"{name}.attention"), heads, head_dim)

    time = time_embedding(t, sub(state, "time_embedding"), dim)
    stem = x = conv(x, state, "conv_in", padding=3)
    stack = []
    for i in range(4):
        x = block(x, f"encoder.{i}.first")
        stack.append(x)
        x = attend(block(x, f"encoder.{i}.second"), f"encoder.{i}")
        stack.append(x)
        x = conv(x, state, f"encoder.{i}.down", padding=1, stride=2 if i < 3 else 1)
    x = block(x, "vertex_in")
    x = vertex_attention(x, sub(state, "vertex_attention"), heads, head_dim)
    x = block(x, "vertex_out")
    for i, size in enumerate((7, 14, 28, None)):
        x = block(torch.cat([x, stack.pop()], 1), f"decoder.{i}.first")
        x = attend(block(torch.cat([x, stack.pop()], 1), f"decoder.{i}.second"), f"decoder.{i}")
        if size:
            x = conv(nearest(x, size), state, f"ways_up.{i}.conv", padding=1)
    x = block(torch.cat([conv(x, state, "conv_up", padding=1), stem], 1), "last")
    return conv(x, state, "conv_out")
