"""Series of visits: what kinds that read the order of a subject's assessments share."""
