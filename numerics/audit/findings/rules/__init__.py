"""The rules: each looks at a profile and yields what it finds."""
