"""One folder a paper, one file a numbered statement or block of a derivation, always in the same order.

Quotation and place; why it needs correcting; the printed statement in each reading; the corrected one; the
proof; the counterexample; ``CLAIM`` as the last paragraph.
"""
