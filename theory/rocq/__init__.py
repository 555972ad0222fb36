"""The theorems in the Rocq prover: a library, proofs by hand, and proofs from certificates."""
