"""What a scenario is refused or warned for beside its form: what nothing carries out, what never takes place.

Private: use the names of `protocolsim` itself.
"""
