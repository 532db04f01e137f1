"""The desk of reviewers: everything about uses in review that their database of rights does not hold.

- `notes`: comments on uses, and to whom they are assigned
- `allowances`: recordings that a licensee may use without being asked, whose uses are rejected at once
- `deadlines`: disputes that nobody answers in time
- `chores`: both of these, for all organisations, every hour
"""
