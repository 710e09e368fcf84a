"""Parameter sweeps: a scenario simulated at every point of a grid."""
