"""Prediction: from a scene to a published mask. Options, the job, the pipeline, its parts, publishing, several scenes."""
