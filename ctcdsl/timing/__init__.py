"""How long networks and single operations take on this device."""
