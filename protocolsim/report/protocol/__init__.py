"""The protocol itself: synopsis, schedule of assessments, state chart, what a check found."""
