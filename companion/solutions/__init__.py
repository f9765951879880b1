"""The solutions of the exercises, one file a chapter, as tested code. A student's copy of the book has no such folder.

A function here has the name of its exercise. Of an exercise to compute it returns the number. Of an open one it returns
an answer of the right form, whose figures are examples; its docstring says what to expect and what to discuss.
"""
