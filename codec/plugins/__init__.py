"""Other libraries' ways into `.tadm` files; importing a module of this package registers the format."""
