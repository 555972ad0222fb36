"""Every HTML page and plot, made from findings and records."""
