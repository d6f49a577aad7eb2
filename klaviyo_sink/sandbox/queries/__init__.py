"""A request's query: filters, sparse fieldsets, sorting, pages. Knows resources as JSON, no account."""
