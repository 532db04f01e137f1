"""What is done to an excerpt before it is searched for, each effect with its exact map of time and pitch."""
