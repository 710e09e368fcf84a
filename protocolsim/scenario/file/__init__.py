"""From the text of a scenario file to data: YAML with places, `extends`, the schema, the shipped scenarios."""
