"""Running a program under Scalene and py-spy, and making one profile of what they saw."""
