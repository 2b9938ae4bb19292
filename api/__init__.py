"""The joining room: what needs games, solvers and agents together. `counterplay` itself names what is public of it."""
