"""Sends folded profiles to Klaviyo: batches, lanes, import jobs and their results."""
