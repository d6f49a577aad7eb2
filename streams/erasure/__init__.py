"""Forgetting a shopper, and the guard that keeps forgotten shoppers out of every stage."""
