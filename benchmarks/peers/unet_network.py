"""The U-Net with an encoder of MobileNetV2's inverted residual blocks (Sandler et al. 2018, arXiv:1801.04381)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CHANNELS", "STRIDE", "UNet"]

CHANNELS = 10
"""Image, aligned reference and the logarithm of their ratio, three each, and where the reference shows anything."""
STRIDE = 32
"""Rows and columns of an input are a multiple of this."""
WIDTHS = (16, 24, 40, 80, 128, 192)
"""Channels at full resolution, one half, ..., one 32nd."""
DEPTHS = (2, 3, 3, 3, 2)
"""Inverted residual blocks at one half, ..., one 32nd."""
EXPANSION = 4


def _conv(inside: int, outside: int, size: int, *, stride: int = 1, groups: int = 1, active: bool = True) -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(inside, outside, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outside),
    ]
    return nn.Sequential(*layers, nn.ReLU6(inplace=True)) if active else nn.Sequential(*layers)


class InvertedResidual(nn.Module):
    """1x1 to many channels, 3x3 in each of them, 1x1 back without activation; added to its input where it fits."""

    def __init__(self, inside: int, outside: int, *, stride: int = 1) -> None:
        super().__init__()
        wide = inside * EXPANSION
        self.adds = stride == 1 and inside == outside
        self.body = nn.Sequential(
            _conv(inside, wide, 1),
            _conv(wide, wide, 3, stride=stride, groups=wide),
            _conv(wide, outside, 1, active=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.body(x)
        return x + found if self.adds else found


class UNet(nn.Module):
    """(n, CHANNELS, rows, cols) float -> (n, heads, rows, cols) logits; rows and cols are multiples of STRIDE."""

    def __init__(self, heads: int = 1) -> None:
        super().__init__()
        self.stem = _conv(CHANNELS, WIDTHS[0], 3)
        self.down = nn.ModuleList()
        for inside, outside, depth in zip(WIDTHS, WIDTHS[1:], DEPTHS, strict=False):
            blocks = [InvertedResidual(inside, outside, stride=2)]
            blocks += [InvertedResidual(outside, outside) for _ in range(depth - 1)]
            self.down.append(nn.Sequential(*blocks))
        self.up = nn.ModuleList()
        for below, skip in zip(reversed(WIDTHS[1:]), reversed(WIDTHS[:-1]), strict=True):
            # Dense 3x3 filters pay where channels are few: at full and half resolution.
            dense = skip <= WIDTHS[1]
            last = _conv(skip, skip, 3) if dense else InvertedResidual(skip, skip)
            self.up.append(nn.Sequential(_conv(below + skip, skip, 1), last))
        self.head = nn.Conv2d(WIDTHS[0], heads, 1)
        nn.init.constant_(self.head.bias, -4.0)  # a defect is rare: without this the first steps unlearn a half

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.stem(x)]
        for stage in self.down:
            skips.append(stage(skips[-1]))
        x = skips.pop()
        for stage in self.up:
            x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = stage(torch.cat([x, skips.pop()], dim=1))
        found: Tensor = self.head(x)
        return found
