"""What each empirical claim is judged by: `notes/preregistration-2.toml`, or someone's own rules over it, as data."""

from __future__ import annotations

import datetime
import hashlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bnverify.experiments.measure import predict
from bnverify.experiments.measure.averages import WHOLE, Over, Weights, Window
from bnverify.experiments.measure.pairs import PAIRS
from bnverify.experiments.measure.rates import OVER_GAINS, OVER_RATES
from bnverify.experiments.measure.views import ALONE
from bnverify.experiments.networks.kinds import KINDS

from bnverify.base.errors import InputError

NOTES = Path(__file__).resolve().parents[2] / "notes"
RULES = NOTES / "preregistration-2.toml"

Direction = Literal["below", "above", "within", "at-most", "at-least"]
Test = Literal["wilcoxon", "sign", "tost"]
STATISTICS = frozenset(
    {
        *ALONE,
        *PAIRS,
        *OVER_RATES,
        *OVER_GAINS,
        "band_over_rates",
        *(f"{target}_new_{split}" for target in predict.TARGETS for split in ("seed", "norm")),
    }
)
MODELS = ("vgg", "dln", "insert", "insert-dln", "predict-vgg", "predict-dln", "full-batch", "start")
NETWORKS = (*KINDS, *predict.FEATURES)
"""What is compared: networks, or what a prediction is made from."""
TOP = ("version", "date", "replaces", "family", "claim")
"""The fields of a file of rules."""
FAMILIES = ("network", "linear", "beyond")
"""What Holm counts together; a family of one's own would count nothing."""
ALLOWED: dict[str, tuple[str, ...]] = {
    "family": FAMILIES,
    "statistic": tuple(sorted(STATISTICS)),
    "statistics": tuple(sorted(STATISTICS)),
    "model": MODELS,
    "of": NETWORKS,
    "against": NETWORKS,
}
"""The words that a field knows, where its type does not say so."""


@dataclass(frozen=True)
class Endpoint:
    """What is compared, and what counts: see the head of the preregistration.

    Attributes:
        of, against: networks; several are an "all". A number in ``against`` is what the statistic is divided by.
        size: the ratio from which on it counts, a margin for within, at-most and at-least.
        design, null: the ratio if the paper is right, and if it is wrong; for the power.
        spread, seeds: standard deviation of the log ratio between seeds, and the seeds that it asks for.
    """

    model: str
    statistic: str
    of: tuple[str, ...]
    against: tuple[str | float, ...]
    direction: Direction
    size: float
    design: float
    spread: float
    seeds: int
    test: Test = "wilcoxon"
    null: float = 1.0
    lr: float = 0.1
    window: Window = WHOLE
    over: Over = "geometric"
    weights: Weights = "linear"
    mode: Literal["trained", "test"] = "trained"
    spread_from: str = ""

    def counts(self, ratio: float) -> bool:
        """Whether ``ratio`` is as claimed, and large enough."""
        if self.direction == "within":
            return 1 / self.size <= ratio <= self.size
        return ratio <= self.size if self.direction in ("below", "at-most") else ratio >= self.size

    @property
    def margin(self) -> float:
        """The log of ``size``, as the effect is oriented: positive as claimed for below and above."""
        at = math.log(self.size)
        return abs(at) if self.direction in ("below", "above", "within") else at


@dataclass(frozen=True)
class Part:
    """A part of the training of which the claim is asked as well."""

    name: str
    window: Window


@dataclass(frozen=True)
class Grid:
    """What stands beside the badge: the endpoint with one thing changed."""

    statistics: tuple[str, ...] = ()
    lr: tuple[float, ...] = ()
    over: tuple[Over, ...] = ()
    weights: tuple[Weights, ...] = ()
    matched_loss: bool = False


@dataclass(frozen=True)
class Rule:
    """How one claim is judged."""

    id: str
    family: str
    place: str
    quote: str
    argued: str
    primary: Endpoint
    paper: str = ""
    parts: tuple[Part, ...] = ()
    grid: Grid = field(default_factory=Grid)


@dataclass(frozen=True)
class Rules:
    """The rules of all claims; ``own`` names a file that changed them, ``sha256`` is that of what was read."""

    date: datetime.date
    claims: dict[str, Rule]
    sha256: str
    own: str = ""

    def size(self, family: str) -> int:
        """Primaries of a family, run or not."""
        return sum(rule.family == family for rule in self.claims.values())


def registered(path: Path = RULES) -> Rules:
    """The preregistration.

    Raises:
        InputError: the file is missing, or a claim in it cannot be judged; the line names it.
    """
    content, text = _parsed(path)
    claims: dict[str, Rule] = {}
    for entry in _entries(path, content):
        rule = _rule(path, entry, None)
        if rule.id in claims:
            raise InputError(f"{path}: {rule.id} stands there twice; a claim has one entry")
        claims[rule.id] = rule
    if not claims:
        raise InputError(f"{path} has no claims; restore the project's own")
    try:
        return Rules(datetime.date.fromisoformat(str(content["date"])), claims, _digest(text))
    except (KeyError, ValueError):
        raise InputError(f"{path} has no date; expected date = YYYY-MM-DD") from None


def overridden(rules: Rules, path: Path) -> Rules:
    """``rules`` with what a file of the same form changes; an entry needs its id and what it changes alone.

    Raises:
        InputError: the file cannot be read, has an unknown claim, field, statistic or test, two primaries of a claim,
        or a margin, design or null on the wrong side, or changes nothing.
    """
    content, text = _parsed(path)
    claims = dict(rules.claims)
    seen = set()
    for entry in _entries(path, content):
        name = entry.get("id")
        if not isinstance(name, str) or name not in claims:
            raise InputError(f"{path}: claim {name!r} is unknown; bnverify claims lists those there are")
        if name in seen:
            raise InputError(f"{path}: {name} has two entries; a claim has one primary endpoint")
        seen.add(name)
        claims[name] = _rule(path, entry, claims[name])
    if not seen:
        raise InputError(f"{path} changes no claim; expected [[claim]] entries with id and [claim.primary]")
    if claims == rules.claims:
        raise InputError(
            f"{path} says what the preregistration says; change a size, a window or another field in it"
        )
    return replace(rules, claims=claims, sha256=_digest(text), own=str(path))


def _parsed(path: Path) -> tuple[dict[str, Any], str]:
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except (OSError, UnicodeDecodeError, ValueError) as error:
        twice = "primary" in str(error) and ("twice" in str(error) or "overwrite" in str(error))
        why = "two primaries; a claim has one primary endpoint: " if twice else ""
        raise InputError(f"{path} cannot be read as rules ({why}{error})") from None


def _entries(path: Path, content: dict[str, Any]) -> list[dict[str, Any]]:
    for key in content:
        if key not in TOP:
            raise InputError(f"{path} has an unknown field {key!r}; expected one of {', '.join(TOP)}")
    entries = content.get("claim", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: claim = {entries!r}; expected [[claim]] entries")
    return entries


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _rule(path: Path, entry: dict[str, Any], base: Rule | None) -> Rule:
    name = str(entry.get("id", "?"))
    values = dict(entry)
    primary = values.pop("primary", {} if base else None)
    if isinstance(primary, list):
        raise InputError(f"{path}: {name} has {len(primary)} primaries; a claim has one primary endpoint")
    if primary is None:
        raise InputError(f"{path}: {name} has no primary endpoint; expected [claim.primary]")
    where = f"{path}: {name}"
    endpoint = _checked(where, _made(where, Endpoint, primary, base.primary if base else None))
    # A stricter size alone is fair: the paper's own effect may then be too small.
    if (base is None or "design" in primary) and not endpoint.counts(endpoint.design):
        raise InputError(
            f"{where} has design = {endpoint.design:g} on the wrong side: the ratio if the paper is right does not "
            f"count as {endpoint.direction} with size = {endpoint.size:g}"
        )
    made: dict[str, Any] = {"primary": endpoint}
    if "part" in values:
        parts = _listed(values.pop("part"))
        made["parts"] = tuple(_made(where, Part, one) for one in parts)
    if "grid" in values:
        made["grid"] = _made(where, Grid, values.pop("grid"))
    return _made(where, Rule, values, base, made)


def _made(where: str, kind: Any, values: Any, base: Any = None, made: Mapping[str, Any] | None = None) -> Any:
    """A table of the file as a record, or ``base`` with what the table changes; ``made`` are fields that are done.

    Raises:
        InputError: it is no table, lacks a field or has an unknown one, or a value is not what its field holds.
    """
    if not isinstance(values, dict):
        raise InputError(f"{where} has {values!r} for a table of {', '.join(f.name for f in _fields(kind))}")
    types = get_type_hints(kind)
    known = [f.name for f in _fields(kind)]
    for key in values:
        if key not in known:
            raise InputError(f"{where} has an unknown field {key!r}; expected one of {', '.join(known)}")
    found = {key: _value(where, key, value, types[key]) for key, value in values.items()} | dict(made or {})
    try:
        return replace(base, **found) if base else kind(**found)
    except TypeError as error:
        raise InputError(f"{where} lacks a field ({error})") from None


def _fields(kind: Any) -> tuple[Field[Any], ...]:
    return fields(kind)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _value(where: str, key: str, value: Any, kind: Any) -> Any:
    """``value`` as a field of type ``kind`` holds it; a single one stands for a list of it."""
    if kind == Window:
        return _window(where, value)
    if get_origin(kind) is tuple:
        if value == []:
            raise InputError(f"{where} has {key} = []; expected one at least")
        return tuple(_value(where, key, one, get_args(kind)[0]) for one in _listed(value))
    allowed = ALLOWED.get(key, get_args(kind) if get_origin(kind) is Literal else None)
    if kind is float or (key == "against" and not isinstance(value, str)):
        # An int may be too large for a float.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e300:
            raise InputError(f"{where} has {key} = {value!r}; expected a positive number")
        return float(value)
    if allowed is not None and (not isinstance(value, str) or value not in allowed):
        what = {"statistics": "statistic", "of": "network", "against": "network"}.get(key, key)
        raise InputError(f"{where} has an unknown {what} {value!r}; expected one of {', '.join(allowed)}")
    if kind is int and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InputError(f"{where} has {key} = {value!r}; expected a whole number, at least 1")
    if kind in (str, bool) and not isinstance(value, kind):
        raise InputError(
            f"{where} has {key} = {value!r}; expected {'true or false' if kind is bool else 'text'}"
        )
    return value


def _checked(where: str, one: Endpoint) -> Endpoint:
    side = {
        "below": (one.size <= 1, "at most 1, since the ratio is claimed to be below it"),
        "above": (one.size >= 1, "at least 1, since the ratio is claimed to be above it"),
        "within": (one.size > 1, "above 1, the ratio lying between 1/size and size"),
        "at-most": (one.size >= 1, "at least 1: what is not above it is as claimed"),
        "at-least": (one.size <= 1, "at most 1: what is not below it is as claimed"),
    }
    right, words = side[one.direction]
    if not right:
        raise InputError(
            f"{where} has size = {one.size:g} on the wrong side for {one.direction}; expected {words}"
        )
    if one.counts(one.null):
        raise InputError(
            f"{where} has null = {one.null:g} on the wrong side: the ratio if the paper is wrong counts as "
            f"{one.direction} with size = {one.size:g}"
        )
    if (one.direction == "within") != (one.test == "tost"):
        raise InputError(
            f"{where} has the test {one.test!r} for {one.direction}; within is tested by tost, and tost tests "
            "nothing else"
        )
    return one


def _window(where: str, value: Any) -> Window:
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(isinstance(x, int | float) and not isinstance(x, bool) for x in value)
        or not 0 <= value[0] <= value[1] <= 1
    ):
        raise InputError(f"{where} has window = {value!r}; expected two shares of training, [low, high]")
    return float(value[0]), float(value[1])
