"""How a module is run: devices, precision, compiling, transfer, events."""
