"""Be imported relatively by a module of the same collection."""

WORD = "from a collection"
