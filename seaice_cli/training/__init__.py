"""Training: options, data set, augmentation, losses, schedules and the loop."""
