"""How each explorer is recorded: what is trained, with which settings, and the still picture of it."""
