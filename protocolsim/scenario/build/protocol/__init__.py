"""From the file's `protocol:` to a Protocol: names become numbers, schedules become visits, rules are compiled."""
