"""Trained models for others: weights, programs that need no code of ours, and a card that says what they are."""
