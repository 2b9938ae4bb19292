"""The colours of scenes' roles (`engine.scene.ROLES`), on light and on dark ground."""

COLOURS = {  # light, dark
    "ink": ("#1b1e24", "#eef0f4"),
    "dim": ("#5f6672", "#a6adba"),
    "line": ("#c3c9d2", "#454c58"),
    "floor": ("#f6f7f9", "#1d2128"),
    "wall": ("#dfe3e9", "#343b47"),
    "sky": ("#eaf2fb", "#22303f"),
    "agent": ("#7fb2ee", "#2f68ad"),
    "rival": ("#f2a08f", "#a84434"),
    "other": ("#d9c7a4", "#6b5a38"),
    "goal": ("#8fd19e", "#2f7d45"),
    "item": ("#f3cf7a", "#8f6a12"),
    "asked": ("#f0a53c", "#c77a10"),
    "good": ("#4fae68", "#4fae68"),
    "bad": ("#d9534f", "#d9534f"),
    "red": ("#f0908a", "#a83c38"),
    "yellow": ("#f5dc6b", "#8f7710"),
    "green": ("#a4d8a8", "#2c6b3a"),
    "blue": ("#94b9f2", "#2f5fae"),
    "white": ("#ffffff", "#59606d"),
}
PAPER = ("#ffffff", "#16181d")
