"""The demo: January 2026 played over HTTP against gateways that it starts itself. It proves, and changes nothing."""
