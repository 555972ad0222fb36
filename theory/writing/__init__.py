"""What people read: sentences, citations, scripts."""
