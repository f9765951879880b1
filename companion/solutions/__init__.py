"""The solutions of the exercises, one file per chapter, as tested code. A student's copy of the book does without them.

A function here has the name of its exercise. For a ``compute`` exercise it returns the number, for an open one an
answer of the right form with example figures; its docstring says what to expect and what to discuss.
"""
