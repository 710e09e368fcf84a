"""The page: a trial that people move and look at, in a browser, with the numbers of the command line.

A browser holds a State (what was set up, all of it in the page's address). Each view is a folder's file, made of
parts; a part is simulated and drawn in a worker process (pool.py, worker.py) and shown by the session (session.py).
Nothing is computed here: every number comes from study/ and report/.

Private: what is public stands in the package root.
"""
