"""From a trial to its records: the reference engine and the fast one."""
