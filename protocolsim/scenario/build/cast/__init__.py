"""Who takes part in a trial: its disease, its drugs, and the patients who come with them."""
