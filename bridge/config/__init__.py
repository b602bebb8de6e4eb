"""One TOML file into frozen structs; every mistake with its line and cure. Imported by `serve`, `rehearse` and the commands."""
