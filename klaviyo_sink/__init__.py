"""Tags to profiles: keeps each shopper's Klaviyo profile saying what their style profile says. Knows no Kafka."""
