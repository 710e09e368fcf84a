"""What planned activities can take place at all, and when."""
