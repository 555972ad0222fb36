"""THE symbolic definition of BatchNorm, written once over any algebra with a dot product and a square root.

Paper, Section 4.1 and Fact C.1: "standardized to mean 0 and variance 1", biased variance over the batch;
with eps > 0 it is what PyTorch computes. Nothing here is a derivative: rooms differentiate this definition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Normalised:
    """mean mu, standard deviation s = sqrt(sigma^2 + eps), and y-hat = (y - mu 1) / s."""

    mu: Any
    s: Any
    yhat: Any


def standardise(
    y: Any,
    one: Any,
    m: Any,
    eps: Any,
    dot: Callable[[Any, Any], Any],
    sqrt: Callable[[Any], Any],
    count: Any = None,
) -> Normalised:
    """mu = <1,y>/m, sigma^2 = |y - mu 1|^2/m, s = sqrt(sigma^2 + eps), y-hat = (y - mu 1)/s.

    ``count``, where given, stands for m in sigma^2 alone: m - 1 is the unbiased variance.
    """
    mu = dot(one, y) / m
    centered = y - one * mu
    s = sqrt(dot(centered, centered) / (m if count is None else count) + eps)
    return Normalised(mu=mu, s=s, yhat=centered / s)


def affine(yhat: Any, one: Any, gamma: Any, beta: Any) -> Any:
    """z = gamma y-hat + beta 1"""
    return yhat * gamma + one * beta
