"""What a run leaves behind: checkpoints, logs, curves and the model card."""
