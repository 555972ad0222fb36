"""Certificates that the kernel accepts: looked for in an algebra whose unknowns have texts."""
