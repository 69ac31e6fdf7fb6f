"""The monitor, wired: counting, re-checks, alerts, the breaker, and what is shown of them."""
