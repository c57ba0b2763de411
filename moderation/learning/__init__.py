"""What decisions teach: corrections, labels, calibration and drift."""
