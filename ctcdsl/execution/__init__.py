"""How a module is run: callbacks, interrupts, precision, compiling, transfer, memory, tuning."""
