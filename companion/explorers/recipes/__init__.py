"""How each explorer is recorded: what is trained, with which settings, and its still picture."""
