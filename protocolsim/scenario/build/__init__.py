"""From the data of a scenario to checked objects: one file for each part of a scenario."""
