"""All that is looked at: pages of text, live curves, grids, charts, films, and games that are played in a terminal."""
