"""Six lines each: what holds of a right layer, and how a wrong one is caught."""

import pytest
from norms import FusedNorm, MyNorm

from bnverify.testing import assert_holds

GRADIENT = "v == 1/s*(D @ g - (yhat @ D @ g)/m*yhat)"


def test_the_gradient_of_my_norm():
    assert_holds(GRADIENT, norm=MyNorm(5))


def test_the_gradient_hardly_sees_the_scale_of_the_activations():
    assert_holds("v @ y == (1 - rho)*(g @ D @ yhat)", norm=MyNorm(5))


def test_the_bug_of_the_fused_layer_is_found():
    with pytest.raises(AssertionError, match="does not hold for FusedNorm"):
        assert_holds(GRADIENT, norm=FusedNorm(5))


def test_theorem_4_1_corrected_on_a_class_of_our_own():
    assert_holds("v @ v <= 1/s**2*((D @ g) @ (D @ g))", norm=MyNorm(5))
