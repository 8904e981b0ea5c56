"""Downstream tasks: points on Earth with a label. Columns of tables are rows in ``tables/``, others are one file each."""
