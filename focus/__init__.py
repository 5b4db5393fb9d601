"""The official rules of FOCUS over `focus_costs`: their pinned model, read as GoogleSQL and run in the warehouse.

Each version of FOCUS is a folder of data in `versions/`. Deployed functions and jobs do not have this package.
"""
