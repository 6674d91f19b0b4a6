"""Networks and predictions in the form in which they are handed on."""
