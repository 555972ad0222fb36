"""An audit inside somebody's training loop: a record every so many steps, findings over steps, and no trace."""
