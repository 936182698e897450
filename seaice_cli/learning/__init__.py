"""Training: samples, augmentation, losses, schedules and the one plain loop."""
