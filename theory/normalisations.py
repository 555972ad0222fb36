"""Every normalisation, once: the text of z(y), what it declares, what an instance needs; no derivative is written.

To add one, add an entry to `NORMALISATIONS`; a text typed on the spot is as good (``--norm "n = sqrt(y @ y); ..."``).
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bnverify.theory import kernel, sorts
from bnverify.theory.grammar import (
    FUNCTIONS,
    GrammarError,
    Node,
    lines,
    names_in,
    nearest,
    nodes,
    parse,
    put,
    unparse,
)
from bnverify.theory.sorts import NUMBER, Sort, operator, vector
from bnverify.theory.vocabulary import DERIVED, GIVEN, SMOOTH, VOCABULARY, WEIGHT_SPACE

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class Normalisation:
    """A normalisation layer.

    text: the lines of its definition, which end in z. needs: what an instance must satisfy for it to exist.
    vectors, operators: what it declares beside the vocabulary, as in `declared`. source: where it comes from.
    """

    name: str
    text: str
    needs: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    source: str = ""


_MEAN = "mu = one @ y / m; c = y - mu*one"
_ROOT = "s = sqrt(c @ c / m + eps); yhat = c / s"
_LP = "yhat = (y - mu*one) / n; z = gamma*yhat + beta*one"
NOT_CONSTANT = ("0 < c @ c",)

NORMALISATIONS = {
    entry.name: entry
    for entry in (
        Normalisation(
            "batch-norm",
            f"{_MEAN}; {_ROOT}; z = gamma*yhat + beta*one",
            NOT_CONSTANT,
            source="Ioffe and Szegedy 2015; Santurkar et al. 2018, Section 4.1",
        ),
        Normalisation(
            "unbiased",
            f"{_MEAN}; s = sqrt(c @ c / (m - 1) + eps); yhat = c / s; z = gamma*yhat + beta*one",
            NOT_CONSTANT,
            source="BatchNorm with the unbiased variance of Ioffe and Szegedy's Algorithm 2",
        ),
        Normalisation(
            "layer-norm",
            f"{_MEAN}; {_ROOT}; z = D @ yhat + bias",
            NOT_CONSTANT,
            ("bias",),
            ("D",),
            "Ba, Kiros and Hinton 2016; y holds the m features of one sample, D = diag(gamma)",
        ),
        Normalisation(
            "rms-norm",
            "s = sqrt(y @ y / m + eps); yhat = y / s; z = gamma*yhat",
            ("0 < y @ y",),
            source="Zhang and Sennrich 2019",
        ),
        Normalisation(
            "rms-norm-elementwise",
            "s = sqrt(y @ y / m + eps); yhat = y / s; z = D @ yhat + bias",
            ("0 < y @ y",),
            ("bias",),
            ("D",),
            "Zhang and Sennrich 2019, one gamma for each element",
        ),
        Normalisation(
            "scale-norm",
            "n = sqrt(y @ y); yhat = y / n; z = gamma*yhat",
            ("0 < y @ y",),
            source="Nguyen and Salazar 2019",
        ),
        Normalisation(
            "l1-norm",
            f"mu = one @ y / m; sgn = sign(y); n = sgn @ y / m; {_LP}",
            source="Santurkar et al. 2018, Section 3.3: the average l_1 norm, taken before the shift",
        ),
        Normalisation(
            "l2-norm",
            f"mu = one @ y / m; n = sqrt(y @ y / m + eps); {_LP}",
            ("0 < y @ y",),
            source="Santurkar et al. 2018, Section 3.3",
        ),
        Normalisation(
            "linf-norm",
            f"mu = one @ y / m; n = max(abs(y)); {_LP}",
            source="Santurkar et al. 2018, Section 3.3",
        ),
        Normalisation(
            "smooth-norm",
            f"mu = one @ y / m; n = smooth(y); {_LP}",
            source="Santurkar et al. 2018, Section 3.3, any twice differentiable norm",
        ),
        Normalisation(
            "shared-smooth-norm",
            "n = smooth(y); yhat = C @ y / n; z = gamma*yhat",
            (),
            (),
            ("projector C",),
            "Santurkar et al. 2018, Section 3.3: one norm for all units of a layer, each unit centred by C",
        ),
        Normalisation("identity", "z = y", source="no normalisation"),
    )
}


BATCH_NORM = NORMALISATIONS["batch-norm"].text


def in_weights(text: str) -> str:
    """The definition of a unit whose outputs are y = X W."""
    return f"y = X @ W; {text}"


IN_WEIGHTS = in_weights(BATCH_NORM)


def text_of(norm: str) -> str:
    """The lines of a normalisation that is named, or of one that is typed.

    Raises:
        InputError: a name that is not known.
    """
    if "=" in norm:
        return norm
    if norm not in NORMALISATIONS:
        known = ", ".join(NORMALISATIONS)
        raise InputError(
            f"there is no normalisation {norm!r}{nearest(norm, NORMALISATIONS)}; known are {known}, "
            f"and any text such as 'n = sqrt(y @ y); z = gamma*y/n'"
        )
    return NORMALISATIONS[norm].text


def normalisation(text: str) -> Normalisation:
    """A normalisation by its name, or typed on the spot.

    Raises:
        InputError: a name that is not known, or a text that defines no vector z, or divides by 0 on every batch.
    """
    text_of(text)
    if text in NORMALISATIONS:
        return NORMALISATIONS[text]
    trees, _ = sorts.definition(text, _base(text))
    found = [_zero_divisor(text, eps) for eps in ("zero", "positive")]
    if all(found):
        divisors = (
            node.args[1] if node.head == "/" else node.args[0]
            for tree in trees.values()
            for node in nodes(tree)
            if node.head in ("/", "**")
        )
        place = next((node.column for node in divisors if node == parse(found[0])), 0)
        raise GrammarError(text, place, f"divides by {found[0]}, which is 0 on every batch")
    return Normalisation("typed", text)


def _zero_divisor(text: str, eps: str) -> str:
    """What a definition divides by although it is 0 on every batch; empty where there is no such thing."""
    try:
        kernel.Formal(kernel.Claim(text, "0 <= 0", eps=eps))
    except kernel.Refused as reason:
        return str(reason).partition("divides by what may be 0: ")[2]
    return ""


def declared(
    vectors: Iterable[str] = (), numbers: Iterable[str] = (), operators: Iterable[str] = ()
) -> dict[str, Sort]:
    """The sorts of declared names: ``a``, ``W0 in weights``; ``lam``; ``H``, ``matrix M``, ``projector C``,
    ``X: weights -> batch``.

    Raises:
        InputError: a declaration that is none of these, or of a name that the vocabulary has.
    """
    found: dict[str, Sort] = {}
    for text in vectors:
        match = re.fullmatch(r"\s*([A-Za-z]\w*)(?:\s+in\s+(\w+))?\s*", text, re.ASCII)
        _declare(found, text, match and match[1], vector((match and match[2]) or "batch"))
    for text in numbers:
        match = re.fullmatch(r"\s*([A-Za-z]\w*)\s*", text, re.ASCII)
        _declare(found, text, match and match[1], NUMBER)
    for text in operators:
        match = re.fullmatch(
            r"\s*(?:(?:matrix|projector)\s+)?([A-Za-z]\w*)(?:\s*:\s*(\w+)\s*->\s*(\w+)|\s+in\s+(\w+))?\s*",
            text,
            re.ASCII,
        )
        source, target = ((match[2] or match[4]), (match[3] or match[4])) if match else (None, None)
        _declare(found, text, match and match[1], operator(source or "batch", target or "batch"))
    return found


FIXED = frozenset({"one", "y", "g", "v", "H", "B", "m", "gamma", "beta", "eps", "z", "L"})
"""Names to which no declaration and no line may give another meaning."""


def _declare(found: dict[str, Sort], text: str, name: str | None, sort: Sort) -> None:
    if not name:
        raise InputError(f"cannot declare {text!a}; expected a name such as a, 'W0 in weights' or 'matrix M'")
    if name in FIXED or name in found:
        raise InputError(f"the name {name!r} is taken; declare another")
    if keyword.iskeyword(name) or name in FUNCTIONS:
        raise InputError(
            f"{name!r} is a word of the grammar, not a name; declare another, such as {name[0]}1"
        )
    if re.fullmatch(r"(y|g|v|gamma|beta|H|B|dgamma|dbeta|sigma|rho)_\w*", name) and name != "H_own":
        raise InputError(f"names such as {name!r} are those of one of two units; declare another, such as a1")
    found[name] = sort


def units(text: str) -> tuple[str, ...]:
    """The units that a definition is written for: ("",) or ("_j", "_k")."""
    return ("_j", "_k") if re.search(r"\by_j\b", text) else ("",)


def two_units(text: str) -> str:
    """The definition of two units j and k, each normalised by its own statistics, from that of one."""
    kept = {"one", "m", "eps"}
    found = []
    for unit in ("_j", "_k"):
        for name, tree in lines(text):
            own = {other: Node("name", (other + unit,)) for other in names_in(tree) if other not in kept}
            found.append(f"{name}{unit} = {unparse(put(tree, own))}")
    return "; ".join(found)


def _base(text: str) -> dict[str, Sort]:
    """The names that a definition starts from."""
    base = {entry.name: entry.sort for entry in GIVEN}
    if re.match(r"\s*y\s*=", text):
        del base["y"]
        base |= {name: VOCABULARY[name].sort for name in ("X", "T", "W")}
    if units(text) != ("",):
        own = {name: base.pop(name) for name in ("y", "gamma", "beta")}
        base |= {name + unit: sort for name, sort in own.items() for unit in units(text)}
    return base


def elsewhere(error: GrammarError, norm: Normalisation) -> str:
    """What to do about a name that is missing here and is one elsewhere; empty where the error is another."""
    missing = re.match(r"there is no name '(\w+)'", error.reason)
    known = {line for entry in NORMALISATIONS.values() for line, _ in lines(entry.text)} | {"sigma", "rho"}
    if missing and missing[1] in known and norm.name == "typed":
        has = ", ".join(name for name, _ in lines(norm.text))
        line = "s = ..." if missing[1] in ("sigma", "rho") else f"{missing[1]} = ..."
        return f"{error}; the definition typed names {has} alone: write a line {line} before z to speak of it"
    if not missing or missing[1] not in {entry.name for entry in WEIGHT_SPACE} or norm.text.startswith("y ="):
        return ""
    where = str(error).removesuffix(error.reason)
    return f"{where}{missing[1]!r} is a name where y = X @ W; say so with --norm '{in_weights(norm.text)}'"


def names_of(norm: Normalisation, extra: dict[str, Sort] | None = None) -> dict[str, Sort]:
    """The sorts of all names that a statement about a normalisation may use; ``extra``: what it declares.

    Raises:
        GrammarError: the definition is not in the grammar.
        InputError: a name is declared twice.
    """
    own = declared(norm.vectors, (), norm.operators) | (extra or {})
    base = _base(norm.text)
    _, found = sorts.definition(norm.text, base | own)
    for unit in units(norm.text):
        for entry in DERIVED:
            if entry.sort.kind == "operator" and unit:
                found |= {f"{entry.name}{unit}{other}": entry.sort for other in ("j", "k")}
            else:
                found.setdefault(entry.name + ("" if entry.name == "L" else unit), entry.sort)
    if "X" in base:
        for entry in WEIGHT_SPACE:
            found.setdefault(entry.name, entry.sort)
    if "smooth" in norm.text:
        found |= {entry.name: entry.sort for entry in SMOOTH}
    if not {"s", "s_j"} & found.keys():
        for name in ("sigma", "rho"):
            found.pop(name, None)
    return found
