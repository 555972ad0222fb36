"""The tester tested: mutants and searches for violations."""
