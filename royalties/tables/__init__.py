"""Tables of rights in and out: spreadsheets, folders of tables shaped like BWARM's, and licences as TOML."""
