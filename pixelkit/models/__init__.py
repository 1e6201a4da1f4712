"""What scorers share: device and precision, networks, the training loop."""
