"""Hold'em: cards, hand strength, ranges, betting and spots."""
