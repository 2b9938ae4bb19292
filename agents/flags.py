"""Options of the command line that name again what is one's own, of a run in a folder: no file makes us import it."""

# name: (how its value is written, whether it may be repeated, what it says)
OWN_FLAGS = {
    "env": ("ENV", False, "another environment to play in, or your own, package.module:Class, that DIR is of."),
    "learner": ("LEARNER", False, "your own learner, package.module:Class, that DIR is by."),
    "set": ("NAME=VALUE", True, "a setting of DIR that is your own class, such as mixer=package.module:Class."),
}
