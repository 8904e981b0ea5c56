"""Tasks that are columns of tables: one file a source, its tasks as rows in ``COMPONENTS``. Nothing heavy is imported here."""
