"""Webhooks: subscriptions, allowed addresses, deliveries."""
