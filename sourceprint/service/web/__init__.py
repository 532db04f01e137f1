"""What all routes share: the caller, uploads, refusals, pages of jobs."""
