"""Writes tags to Klaviyo: keeps each shopper's Klaviyo profile equal to their style profile. Knows no Kafka."""
