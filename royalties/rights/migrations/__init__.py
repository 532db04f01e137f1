"""How the tables came to be as they are: one file per version of the schema, run by `royalties.rights.database`."""
