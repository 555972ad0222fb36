"""The few facts that are trusted, not re-derived: each is named wherever evidence rests on it."""

from __future__ import annotations

LEMMAS: dict[str, str] = {
    "cauchy-schwarz": r"\langle a, b\rangle^2 \le \|a\|^2 \|b\|^2",
    "quadratic-extremum": (
        r"\max_{\|X\|\le\lambda}\|X^\top u\|^2 = \lambda^2\|u\|^2 \text{ for fixed } u,"
        r" \text{ attained at } X = \lambda\, u e^\top/\|u\| \text{ with } \|e\| = 1"
    ),
    "composition": (
        r"\text{if } \varphi \text{ is continuous at } x, \varphi(x) = x^*, \text{ and } x^* \text{ is a local"
        r" minimum of } f \text{ over a set that contains the image of } \varphi,"
        r" \text{ then } x \text{ is a local minimum of } f\circ\varphi"
    ),
    "closest-point": (r"\text{the closest point of a set is at most as far as any one of its points}"),
    "first-order-condition": (
        r"\text{where the gradient of a differentiable function is not zero there is no local optimum}"
    ),
    "second-order-condition": (
        r"\text{where the gradient is zero and the Hessian is positive definite there is a strict local minimum}"
    ),
    "taylor": r"L(z + t u) = L(z) + t \langle g, u\rangle + t^2 u^\top H u / 2 + o(t^2)",
    "mean-value": (
        r"\text{for } f \in C^2 \text{ on a convex set, } \sup_{x \ne y} \|\nabla f(x) - \nabla f(y)\|/\|x-y\|"
        r" = \sup_x \|\nabla^2 f(x)\|"
    ),
    "descent-lemma": (
        r"\text{for a } \beta\text{-smooth } f: f(x - \eta\nabla f(x)) \le f(x) - \eta(1 - \beta\eta/2)"
        r"\|\nabla f(x)\|^2"
    ),
    "gradient-descent-rate": (
        r"\text{for convex } \beta\text{-smooth } f \text{ and rate } 1/\beta:"
        r" f(x_t) - f(x^*) \le 2\beta\|x_1 - x^*\|^2/(t-1)"
    ),
    "convex-of-affine": (
        r"\text{a convex function of an affine function is convex, and the Hessian of a convex function is"
        r" positive semi-definite}"
    ),
    "rayleigh": (
        r"\text{a symmetric real matrix has an orthonormal basis of eigenvectors, so the largest eigenvalue is the"
        r" maximum of } x^\top M x \text{ over } \|x\| = 1, \text{ attained at its eigenvector}"
    ),
    "image-ball": (
        r"\text{for fixed } v,\ \{X X^\top v : \|X\| \le \lambda\} \text{ is the ball with centre }"
        r" \lambda^2 v/2 \text{ and radius } \lambda^2\|v\|/2"
    ),
    "principal-minors": r"\text{a positive semi-definite form has non-negative principal minors}",
    "existence-by-witness": r"\text{a statement ``there is'' holds once one is exhibited}",
}
