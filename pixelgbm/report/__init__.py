"""Pictures and pages for people; each module is imported for itself, because what they need takes long to import.

`sheet`: the contact sheet of `score`. `writing`: the report of a model. `queue_sheet`: the pictures of a review queue.
"""
