"""What declared experiments need beside the package: tasks that train nothing, and models with a deliberate mistake."""
