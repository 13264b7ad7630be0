"""What belongs to single lessons and stays behind when the course is over.

`exercises` answers the exercises, one module per notebook; `boards` measures what takes longer than a lesson,
and `recorded` keeps the results; `scoreboard` has the tasks and trains on them; `outline` is the model as it
stands before it is one, and `stages` shows what changed between two versions of a part. Everything here may
import `helpers`, and `helpers` nothing of it.
"""
