"""What a calibration found: figures, page and terminal."""
