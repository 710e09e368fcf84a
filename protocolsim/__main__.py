"""`python -m protocolsim` is the command line."""

from protocolsim.cli import main

main(prog_name="protocolsim")
