"""Who is enrolled, when and where, and what is limited there."""
