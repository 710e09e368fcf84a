"""Operating characteristics of looks: numbers of the tables of looks and trials, made without being asked for."""
