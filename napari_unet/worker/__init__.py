"""The process that owns the device: it predicts, learns and exports what the window asks for."""
