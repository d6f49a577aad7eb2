"""The served operations, one module per area. Each function has the name of Klaviyo's operation."""
