"""From a scenario file to objects: reader, schema, builder.

Private: what is public stands in the package root.
"""
