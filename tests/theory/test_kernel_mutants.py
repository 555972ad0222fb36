# ruff: noqa: E501
"""Mutants of the judge: each is an edit of its source, and the table of claims kills it."""

from __future__ import annotations

import ast
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from bnverify.theory import kernel

from tests.theory.kernel_table import PAPER, QUICK, said

MUTANTS = [
    # what stands in the judge, what the mutant says, an entry of the table that kills it
    ("'<': 'unknown' not in signs and 'positive' in signs, '!='", "'<': 'unknown' not in signs, '!='", 'a length is not positive'),
    ("'<=': 'unknown' not in signs", "'<=': True", 'an odd power'),
    ("'==': set(signs) <= {'zero'}", "'==': True", 'terms for an equation that an example satisfies'),
    ("'!=': 'unknown' not in signs and 'positive' in signs and", "'!=': 'unknown' not in signs and", '!= without a positive term'),
    ('if not accepted[relation]:', 'if False:', 'an odd power'),
    ('if not room.is_zero(rest):', 'if False:', 'the wrong terms'),
    ("if room.sign(factor) != 'positive':", "if room.sign(factor) == 'unknown':", 'a multiplier that may be 0'),
    ("NEGATION = {'<=': '<', '<': '<='", "NEGATION = {'<=': '<=', '<': '<'", 'the negation where it may hold'),
    ("'==': '!=', '!=': '=='}", "'==': '==', '!=': '=='}", 'the negation of an equation'),
    ('gap, relation = (-gap, NEGATION[relation])', 'gap, relation = (gap, NEGATION[relation])', 'the negation'),
    ('gap = walk(right, room).power(2) - walk(left, room).power(2)', 'gap = walk(left, room).power(2) - walk(right, room).power(2)', 'squares of both sides'),
    ("relation.replace('>', '<'), left)", "relation.replace('>', '<'), right)", '> is < turned round'),
    ('refuse_circle(claim, room, gap)', 'None', 'in other words'),
    ('return one != (((), 1),) or first.parts.keys() == second.parts.keys()', 'return True', 'a need that says of another number'),
    ('return one != (((), 1),) or first.parts.keys() == second.parts.keys()', 'return one != (((), 1),)', 'a positive number given its double'),
    ('live = check_example(claim, expected=not negation)', 'live = None', 'a hypothesis without an example'),
    ('if claim.hypotheses and (not claim.example):', 'if False:', 'a hypothesis without an example'),
    ('if (reason := unmet(claim, point)):', 'if False:', 'a need that the example does not satisfy'),
    ('if text in claim.hypotheses and (not (vanishes or all(point.live))):', 'if False:', 'one of whose terms is 0'),
    ('not (vanishes or all(point.live))', 'not (vanishes or any(point.live))', 'one of whose terms is 0'),
    ("raise Refused(f'only at an exact point is {min(strange)} known elsewhere')", 'pass', 'another operator whose transpose stays'),
    ("raise Refused(f'at the point {text} does not hold')", 'pass', 'a hypothesis that fails there'),
    ('for text in (*claim.needs, *claim.hypotheses):\n        if not place', 'for text in claim.needs:\n        if not place', 'a hypothesis that fails there'),
    ('for text in (*claim.needs, *claim.hypotheses):\n        if not place', 'for text in claim.hypotheses:\n        if not place', 'a need that fails there'),
    ("if true != (claim.quantifier == 'exists'):", 'if False:', 'psd at a point'),
    ('if self.size < self.claim.min_m:', 'if False:', 'too few samples'),
    ("if self.claim.eps == 'positive' and self.base['eps'].sign() <= 0:", 'if False:', 'eps < 0'),
    ("if self.claim.eps == 'positive' and self.base['eps'].sign() <= 0:", "if self.claim.eps == 'positive' and self.base['eps'].sign() < 0:", 'eps = 0 where eps > 0'),
    ('if (strange := (data.keys() - known)):', 'if (strange := set()):', 'y beside X and W'),
    ("raise Refused(f'the table {name} is not symmetric')", 'pass', 'H not symmetric'),
    ("raise Refused(f'the table {name} is no projector: its square is another')", 'pass', 'no projector'),
    ("raise Refused(f'a vector of {space} does not have as many entries as another')", 'pass', 'another length'),
    ("raise Refused('outside the scope: the sign of 0')", 'pass', 'the sign of 0'),
    ("raise Refused('outside the scope: no largest entry, or more than one')", 'pass', 'no largest entry'),
    ('if c < 0 or not all(', 'if not all(', 'm - 2 is not positive'),
    ('(power % 2 == 0 or self.is_nonnegative(atom) for', '(True for', 'an odd power'),
    ("return 'positive' if sure else 'nonnegative'\n\n    def is_nonnegative", "return 'positive'\n\n    def is_nonnegative", 'a length is not positive'),
    ("square = atom[0] == 'dot' and atom[1] == atom[3] and (not atom[2])", "square = atom[0] == 'dot' and atom[1] == atom[3]", 'psd of another'),
    ('least = Number.atom(beyond) + Number.of(self.claim.min_m)', 'least = Number.atom(beyond) + Number.of(self.claim.min_m + 1)', 'm - 2 is not positive'),
    ("{'==': 'zero', '<': 'positive', '<=': 'nonnegative', '!=': 'unknown'}", "{'==': 'zero', '<': 'positive', '<=': 'positive', '!=': 'positive'}", '!= gives no sign'),
    ("{'==': 'zero', '<': 'positive', '<=': 'nonnegative', '!=': 'unknown'}", "{'==': 'zero', '<': 'positive', '<=': 'nonnegative', '!=': 'nonnegative'}", '!= gives no sign'),
    ("if relation in {'<', '<='} and c > 0 and (len(odd) == 1)", "if relation in {'<', '<=', '!='} and c > 0 and (len(odd) == 1)", 'nor its powers'),
    ("if relation in {'!=', '<'}:\n                self.nonzero", "if relation in {'!=', '<', '<='}:\n                self.nonzero", 'not of what may be 0'),
    ('if power % 2 == 0:', 'if True:', 'an odd power'),
    ('any((same(form, known) for known in self.definite))', 'True', 'psd of another'),
    ('return self.is_zero(product - one @ one * (other @ other))', 'return True', 'Cauchy-Schwarz for another'),
    ('value @ (vector * (lam * lam) - value)', 'value @ value', 'what it need not attain'),
    ('if not self.defining or not value:', 'if not value:', 'divides by what may be 0'),
    ("or (known == 'unknown' and (not self.defining))", '', 'the root of what may be negative'),
    ("if self.sign(node) in enough:\n            return value", 'if True:\n            return value', 'the root of a square'),
    ('if half_power(top).denominator == 1', 'if True', 'a quarter power'),
    ("if self.sign(lam) == 'unknown' or", 'if False or', 'lam may be negative'),
    ('return bound * bound * (vector @ vector)', 'return bound * (vector @ vector)', 'a maximum'),
    ("raise Refused('in a maximum over X every other name is held fixed, and these are made of X')", 'pass', 'a maximum of what X makes'),
    ("raise Refused('the rate of a maximum')", 'return Number({})', 'the rate of a maximum'),
    ("raise Refused('the bound of a maximum is negative, and then no X is there')", 'pass', 'lam < 0 in a maximum'),
    ("raise Refused('the bound of a maximum is not certified')", 'pass', 'a bound that is not certified'),
    ('if (w @ (centre - w)).sign() < 0:', 'if False:', 'attained outside the ball'),
    ('return Interval(-self.high, -self.low)', 'return Interval(-self.low, -self.high)', 'an equation that is undecided'),
    ("if not true and (not {", "if False and (not {", 'exchanges the ends'),
    ("'==': equal, '!=': apart}[relation]", "'==': not apart, '!=': apart}[relation]", 'a witness that is undecided'),
    ("if not u or texts[:len(image)] != image or", "if", 'a maximum whose halves differ'),
    ("if (image[0] == 'X') != bool(form) or", "if", 'a maximum of more'),
    ('if pivot.sign() < 0 or', 'if', 'not psd'),
    ('or (not pivot and any(', 'or (False and any(', 'psd with the pivot 0'),
    ('Number.of(Fraction(1, 2))\n                return half', 'Number.of(1)\n                return half', 'ScaleNorm'),
    ('Number({monomial: c * power}) * Number.atom(atom, -1)', 'Number({monomial: c}) * Number.atom(atom, -1)', 'a derivative in a number that has a value'),
    ('for one, path, other in ((a, word, b), (b, mirror(word), a)):', 'for one, path, other in ((a, word, b),):', 'ScaleNorm'),
    ("rates['g' + unit] = sum(terms[1:], terms[0])", 'pass', 'z moves freely'),
    ("raise Refused('the change of a Hessian is a third derivative, of which nothing is known')", 'pass', 'a third derivative'),
    ("along * self.inverse(slope)", 'along', 'z moves freely'),
    ('letter.translate({60: 62, 62: 60})', 'letter', 'its transpose'),
    ("letter[-1] == '!' and", '', 'H is no projector'),
    ('if name == "W\'" and kept[-1:]', "if name == 'never' and kept[-1:]", 'dW'),
    ("return Number.of(1)\n        return Number.atom(('dot'", "return Number.atom(M)\n        return Number.atom(('dot'", 'l_inf, |nu| = 1'),
    ("raise Refused(f'a vector of {self.space} beside one of {other.space}')", 'pass', 'vectors of two spaces'),
    ("self.names['g'] + self.base['H'] @ (other.names['z'] - self.names['z'])", "self.names['g']", 'and it follows the loss'),
    ('value = value @ Vector.base(FRESH, value.space)', "value = value @ Vector.base('a', value.space)", 'the order of operators'),
    ("self.names['H'] @ (self.names['y'] - self.names['z'])", "self.names['H'] @ (self.names['z'] - self.names['y'])", 'the plain network'),
    ('rates = {"W\'": along, \'y\': self.names[\'X\'] @ along}', 'rates = {"W\'": along}', 'dW'),
    ('type(whole) is int and whole <= STEEPEST', 'type(whole) is int', 'a power above the limit'),
    ('type(whole) is int and whole <= LARGEST', 'isinstance(whole, int) and whole <= LARGEST', 'True'),
    ('type(whole) is int and whole <= LARGEST', 'type(whole) is int', 'a large number'),
    ('len(text) > LONGEST or', '', 'a long text'),
    ('if lemma not in LEMMAS:', 'if False:', 'a lemma that is not known, for the form of one that is'),
    ("raise Refused(f'{lemma} is about an equation z == ..., the identity of two losses')", 'pass', 'a lemma for another form'),
    ('if taken or not re.fullmatch', 'if not re.fullmatch', 'a name that renames m'),
    ('type(squared) is not bool', 'False', 'squared that is a text'),
    ('if not isinstance(terms, list)', 'if False', 'terms that are a text'),
    ("enough = {'positive'} if self.moving else {'positive', 'nonnegative', 'zero'}", "enough = {'positive', 'nonnegative', 'zero'}", 'but not where x may be 0'),
    ("or (self.moving and self.sign(lam) != 'positive')", '', 'the rate of a maximum in lam where no lam lies below'),
    ("any((names_in(tree) & {'yhat', 'z'} for line, tree in self.lines if line != 'z'))", 'False', 'what z is made of beside y-hat moves too'),
    ("name in {'z', 'yhat'} and", "name.partition('_')[0] in {'z', 'yhat'} and", 'a vector with a name like z'),
    ('if self.elsewhere:\n            return False', 'if False:\n            return False', 'psd of what changes with y, elsewhere'),
    ("atom[0] == 'root' and self.is_touched(atom, places, numbers)", 'False', 'nor what it says of a root'),
    ("room.look('one').meet(one)", 'pass', 'weights are not m'),
    ("self.look('one').meet(vector)", 'pass', 'an input is on weights'),
    ('if len(known.parts) == 1:', 'if True:', 'of a sum that divides no part need count'),
    ("self.refuse_zeros()\n        return self.value(form, along)", 'return self.value(form, along)', 'the rate of a root of what is negative'),
    ('if room.scope != scope:', 'if False:', 'terms that suppose a slope of z'),
    ('word, left = ((), self.place(mirror(word), a, places))', 'word, a, b, left = ((), b, a, self.place(mirror(word), a, places))',
     'a transpose on one vector says nothing of another'),
    ("if 'nu' in self.names and 'N' not in self.letters:", 'if False:', 'a smooth norm after a largest entry'),
    ("if 'N' in self.letters:", 'if False:', 'a largest entry after a smooth norm'),
]  # fmt: skip
PARTS = [ast.unparse(part) for part in ast.parse(Path(kernel.__file__).read_text(encoding="utf-8")).body]
FUTURE = next(place for place, part in enumerate(PARTS) if part.startswith("from __future__"))
CODES = [compile(f"{PARTS[FUTURE]}\n{part}", "judge", "exec") for part in PARTS[:-1]]
TABLE = {entry[0]: entry for entry in QUICK + PAPER[:6] if entry[0] != "a product that explodes"}


def mutant(old: str, new: str) -> Any:
    """The judge with one edit, as a module of its own."""
    place = next((place for place, part in enumerate(PARTS[:-1]) if old in part), None)
    assert place is not None, f"no such place in the judge: {old}"
    edited = compile(f"{PARTS[FUTURE]}\n{PARTS[place].replace(old, new, 1)}", "mutant", "exec")
    module = types.ModuleType("mutant")
    sys.modules["mutant"] = module  # where dataclasses look
    for other, code in enumerate(CODES):
        exec(edited if other == place else code, module.__dict__)
    return module


def kills(judging: Any, title: str) -> bool:
    """Whether a judge does not say of an entry what it should."""
    try:
        return said(judging, TABLE[title]) != TABLE[title][1]
    except Exception:
        return True


def test_the_table_accepts_the_judge_itself() -> None:
    same = mutant("WORK", "WORK")
    assert [title for title in TABLE if kills(same, title)] == []


@pytest.mark.parametrize("place", range(len(MUTANTS)), ids=lambda place: f"{MUTANTS[place][2]}-{place}")
def test_the_table_kills(place: int) -> None:
    old, new, title = MUTANTS[place]
    judging = mutant(old, new)
    assert kills(judging, title) or any(kills(judging, other) for other in TABLE), (
        f"survives: {new} for {old}"
    )
