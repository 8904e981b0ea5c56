"""Everything that a search needs: snapshots of tables, the filters that choose rows, the backends that find neighbours."""
