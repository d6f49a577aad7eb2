"""HTTP parts that the OCR worker and the gateway share: bearer tokens, problem details, forms, connections."""
