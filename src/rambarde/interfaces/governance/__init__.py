"""Governance: the history of signed changes, the policy that is in force by it, and the lease on which it is held."""
