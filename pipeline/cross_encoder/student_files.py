"""Where the step `student` leaves what it has trained."""

WEIGHTS = "student.safetensors"
EXPORTED = "exported"  # the files that serve
