"""From the records of trials to an estimate with its Monte Carlo error."""
