"""Webhooks: who hears of what, which addresses may be called, and the deliveries."""
