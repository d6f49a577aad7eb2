"""Erases a shopper, and keeps forgotten shoppers out of every stage."""
