"""What holds for every patient that a protocol could meet, proven with z3; and every path through the protocol.

Private: what is public stands in the package root.
"""
