"""From a scenario file to objects: reader, schema, builder."""
