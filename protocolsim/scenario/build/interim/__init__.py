"""From the file's `interim:` to a Design: looks and triggers, statistics, boundaries, rules, a file for each."""
