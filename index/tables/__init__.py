"""The entrance for foreign tables: the kind of a file, the meaning of its columns, and the values of its rows."""
