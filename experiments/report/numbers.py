"""How measured numbers are written for people."""

from __future__ import annotations

import math

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
"""Digits as exponents."""


def percent(share: float) -> str:
    """A share as per cent with two significant digits; 100 % is all, and less than all is never 100 %."""
    if share == 0 or share == 1:
        return f"{share * 100:.0f}\N{NO-BREAK SPACE}%"
    if abs(share) < 1e-5:
        return "< 0.001\N{NO-BREAK SPACE}%"
    if 0.99 < share < 1:
        return f"{math.floor(share * 10_000) / 100:.2f}\N{NO-BREAK SPACE}%"
    digits = max(0, 1 - math.floor(math.log10(abs(share) * 100)))
    return f"{share * 100:.{digits}f}\N{NO-BREAK SPACE}%".replace("-", "−")


def number(value: float) -> str:
    """Three significant digits, without an exponent where one can do without."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:,.{digits}f}".replace("-", "−")
    mantissa, _, power = f"{value:.1e}".partition("e")
    raised = str(int(power)).translate(RAISED)
    sign = "−" if value < 0 else ""
    mantissa = mantissa.lstrip("-")
    factor = "" if mantissa == "1.0" else f"{mantissa}\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}"
    return f"{sign}{factor}10{raised}"
