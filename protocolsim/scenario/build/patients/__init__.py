"""Who the patients of a trial are: their population, and the treatment that they arrive on."""
