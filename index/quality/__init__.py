"""Look for what is wrong with the records of a catalogue: the checks behind `placebind check`."""
