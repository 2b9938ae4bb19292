"""How environments look: plain functions from the state of one episode to a scene (`engine.scene`)."""
