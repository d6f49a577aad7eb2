"""The operations that are served, one module an area. Each function is named as Klaviyo names its operation."""
