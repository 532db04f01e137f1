"""The versions of the tables, in order; one that was released is never changed."""
