"""The words of the house, for whoever meets one on a page."""

LEGEND = {
    "verdict": "What is said of a statement as printed: proved, refuted, conditional, or a word of the training runs.",
    "reading": "One way to read the printed words. Only readings that the words allow count towards the verdict.",
    "conditional": "True in one reading that counts and false in another, or under a condition that the words name.",
    "tight": "A bound that is in truth an equality.",
    "scope": "For which batch sizes m, scales γ, deviations σ and ε a statement is decided.",
    "certificate": "What proves or refutes a statement, as data: terms that cannot be negative, or an exact point.",
    "kernel": "One file of the standard library alone that decides every verdict, from the definition of the layer.",
    "witness": "Something else that says the same by another way: SymPy by plain differentiation, the Rocq prover.",
    "counterexample": "A batch of exact numbers at which the printed statement is false; the smallest there is.",
    "mutant": "A statement with one small change, such as a sign. A check counts only if it catches the false ones.",
    "slack": "Bound minus actual; 0 is an equality, below 0 the bound is broken.",
    "reproduced": "Training runs show the effect; its interval lies wholly beyond the size fixed beforehand.",
    "underpowered": "The runs cannot tell: it takes more seeds, and the badge says how many.",
}
"""Word -> what it means, in a line."""
