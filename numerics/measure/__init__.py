"""The ground of every measurement: instances, rooms and tolerances."""
