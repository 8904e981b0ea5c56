"""The commands, one file each. A file imports little: a command imports what it needs when it runs."""
