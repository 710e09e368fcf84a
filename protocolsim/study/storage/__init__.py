"""Studies on disk: a folder is claimed, filled and replaced in one way, and every file in it has a checksum."""
