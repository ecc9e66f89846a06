"""What is looked at in mmdet's and mmseg's labeled data, and changed, before a run depends on it."""
