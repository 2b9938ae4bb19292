"""Hold'em and its kin, street by street: one walker, its leaves, its tables, and the run of CFR on them."""
