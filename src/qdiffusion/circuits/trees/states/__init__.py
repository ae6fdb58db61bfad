"""What each cluster contributes to the state."""
