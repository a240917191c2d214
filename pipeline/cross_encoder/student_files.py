"""The files that the step `student` writes."""

WEIGHTS = "student.safetensors"
EXPORTED = "exported"  # the served files
