"""The attack: deaths, damage, crowds and hostile input. Nothing is lost, or wrong in silence."""
