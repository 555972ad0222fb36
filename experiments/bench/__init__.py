"""What the project itself costs."""
