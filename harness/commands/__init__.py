"""The commands, by what they are for. A command parses, builds one config, calls one function, prints and exits."""
