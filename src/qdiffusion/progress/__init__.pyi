from .report import Progress, SilentProgress, SilentTask, Task
from .terminal import RichProgress

__all__ = ["Progress", "RichProgress", "SilentProgress", "SilentTask", "Task"]
