"""The style profile as pure functions: fold tags in, word properties, name things."""
