"""The subcommands, a file a topic: each registers its options and says what a command does.

``register(command)`` gets a function ``command(name, action, help, parent)`` that makes a subcommand.
Heavy imports stay inside the actions, so that the command line answers at once.
"""
