"""Two audits side by side: another normalisation, another checkpoint, another batch size."""
