"""What is measured on: recordings with their lists, from a folder or synthesised, split by source."""
