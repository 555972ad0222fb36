"""What the project itself costs."""

NAMES = (
    *("speed", "growth", "memory", "startup"),
    *("audit-first-order", "audit-second-order", "audit-per-channel", "audit-recorder", "audit-growth"),
    *("training-loop", "landscape", "deep-linear", "roofline"),
)
"""The sections of `bnverify bench`, known before torch is imported."""
