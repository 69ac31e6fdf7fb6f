"""Who may change what governs the gateway: named people, their signatures, and the standing they add up to."""
