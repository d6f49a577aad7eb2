"""HTTP parts that our servers share: bearer tokens, problem details, forms, connections and their limits."""
