"""Run the chapters as Colab would: ``make colab [CHAPTER=04_objectives] [WORKERS=2]``.

In an environment with exactly the versions of Colab's runtime, a chapter's own first cell installs the package from a
wheel that lies beside the notebook, as a learner would upload it. Nothing else may have changed by that. Then every
chapter runs to its end in a folder that holds nothing but the notebooks, in nobody's settings but Colab's. What the
chapters print is not compared; that is the notebook guard's business.
"""
