"""What a request's query asks for: filters, sparse fieldsets, sorting, pages. Knows resources as JSON, no account."""
