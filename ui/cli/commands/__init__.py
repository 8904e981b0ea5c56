"""The commands, one file each. A file imports little: what a command needs is imported when it runs."""
