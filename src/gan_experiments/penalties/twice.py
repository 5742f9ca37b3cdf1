"""Differentiating twice through convolutions and rectifiers, without what is zero by structure.

A convolution is linear, and a rectifier is so in pieces: the gradient in their input does not depend on that input.
Torch's second derivatives give it a gradient all the same, a tensor of zeros, which then travels back through all the
layers below. Here there is none, and the derivative in a kernel of that gradient is computed as any kernel's gradient
is, not as a convolution with a kernel as large as the image. The results are torch's up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Pair = tuple[int, int]
Geometry = tuple[Pair, Pair, Pair, int]  # stride, padding, dilation, groups


def _backward(
    gradient: Tensor, x: Tensor, kernel: Tensor, geometry: Geometry, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The gradients of a convolution in its input, kernel and bias, those that are `wanted`."""
    stride, padding, dilation, groups = geometry
    bias = [len(kernel)] if wanted[2] else None
    gradients: tuple[Tensor | None, Tensor | None, Tensor | None] = torch.ops.aten.convolution_backward(
        gradient, x, kernel, bias, stride, padding, dilation, False, (0, 0), groups, wanted
    )
    return gradients


class _InputGradient(torch.autograd.Function):
    """The gradient in a convolution's input: linear in the output's gradient and in the kernel, free of the input."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, x: Tensor, kernel: Tensor, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(gradient, kernel)
        ctx.geometry = geometry
        result, *_ = _backward(gradient, x, kernel, geometry, (True, False, False))
        assert result is not None
        return result

    @staticmethod
    def backward(ctx: Any, *directions: Tensor) -> tuple[Tensor | None, ...]:
        (direction,) = directions
        gradient, kernel = ctx.saved_tensors
        of_gradient = of_kernel = None
        if ctx.needs_input_grad[0]:
            of_gradient = F.conv2d(direction, kernel, None, *ctx.geometry)
        if ctx.needs_input_grad[2]:
            _, of_kernel, _ = _backward(gradient, direction, kernel, ctx.geometry, (False, True, False))
        return of_gradient, None, of_kernel, None


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor | None, geometry: Geometry, call: _Call
    ) -> Tensor:
        ctx.save_for_backward(x, kernel)
        ctx.geometry, ctx.call = geometry, call
        return F.conv2d(x, kernel, bias, *geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, kernel = ctx.saved_tensors
        of_x, *of_weights = ctx.needs_input_grad[:3]
        if not torch.is_grad_enabled():  # not to be differentiated again
            return *_backward(gradient, x, kernel, ctx.geometry, (of_x, *of_weights)), None, None
        result = _InputGradient.apply(gradient, x.detach(), kernel, ctx.geometry) if of_x else None
        if ctx.call.of_inputs or not any(of_weights):
            return result, None, None, None, None
        _, *weights = _backward(gradient, x, kernel.detach(), ctx.geometry, (False, *of_weights))
        return result, *weights, None, None


class _Rectifier(torch.autograd.Function):
    """LeakyReLU, and ReLU as the one whose slope is 0. Keeps its output, which the next layer keeps anyway."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        y = F.leaky_relu(x, slope)
        ctx.save_for_backward(y)
        ctx.slope = slope
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        result: Tensor = torch.ops.aten.leaky_relu_backward(gradients[0], y.detach(), ctx.slope, True)
        return result, None


def _pair(value: int | Sequence[int]) -> Pair:
    first, second = (value, value) if isinstance(value, int) else value
    return first, second


class _Call(TorchFunctionMode):
    """Puts the functions above in place of 2-d convolutions, LeakyReLU and ReLU; all other operations stay torch's."""

    of_inputs = False  # while nobody asks for gradients in weights, which a function in Python is not told

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        instead = {F.conv2d: self.conv2d, F.leaky_relu: self.leaky_relu, F.relu: self.relu}
        return instead.get(func, func)(*args, **(kwargs or {}))

    def conv2d(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
    ) -> Tensor:
        if isinstance(padding, str) or input.ndim != 4:
            return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
        geometry = (_pair(stride), _pair(padding), _pair(dilation), groups)
        result: Tensor = _Convolution.apply(input, weight, bias, geometry, self)
        return result

    def leaky_relu(self, input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
        if negative_slope < 0:  # the sign of what comes out would not tell that of what went in
            return F.leaky_relu(input, negative_slope)
        result: Tensor = _Rectifier.apply(input, negative_slope)
        return result

    def relu(self, input: Tensor, inplace: bool = False) -> Tensor:
        return self.leaky_relu(input, 0.0)


def gradient_in(function: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """The gradient of the sum of `function` in `points`, in their shape, to be differentiated again."""
    with _Call() as this:
        values = function(points)
        this.of_inputs = True
        try:
            (gradient,) = torch.autograd.grad(values.sum(), points, create_graph=True)
        finally:
            this.of_inputs = False
    return gradient
