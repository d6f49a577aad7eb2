"""From folded profiles to Klaviyo: batches, lanes, import jobs and what their answers mean."""
