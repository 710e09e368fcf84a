"""What is simulated and drawn for visitors, in worker processes, and kept for the next who asks the same."""
