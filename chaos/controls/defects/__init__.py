"""One planted defect a module.

Each module is a toolset without tools, so that ``DYNOGATE_TOOLSETS`` brings the defect into every
process of a gateway that is otherwise the real one; importing it breaks one thing.
"""
