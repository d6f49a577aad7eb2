"""HTTP code that all servers share: bearer tokens, problem details, forms, connections and their limits."""
