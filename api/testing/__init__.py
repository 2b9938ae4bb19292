"""What the tests of this project do for its own games and solvers, for everybody's: drawn examples, and checkers."""
