"""What several commands share: parameters, choices and checks."""
