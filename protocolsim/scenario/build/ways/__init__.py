"""What summaries and transitions say of planned visits (`at:`), and what a transition chooses by chance."""
