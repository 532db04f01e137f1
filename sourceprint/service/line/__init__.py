"""The line of jobs, and the workers that work it off."""
