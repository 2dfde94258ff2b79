"""Be found in the role by the role's module."""

WORD = "carried by the role"
