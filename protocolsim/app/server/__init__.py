"""The page as a server: who is admitted, what a connection may do, what is answered to a request."""
