"""`hangtag klaviyo`: one file per task."""
