"""From a file's `story:` to steps: what they ask, show and quote, checked as everything is."""
