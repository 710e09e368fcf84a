"""What every part of a scenario is read with: its faults, its names, its parameters, and expressions over these."""
