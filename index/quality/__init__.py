"""The checks of a catalogue's records behind `placebind check`."""
