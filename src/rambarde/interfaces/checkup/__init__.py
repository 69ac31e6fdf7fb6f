"""The checkup behind `rambarde doctor`: what is missing, and how to mend it. It looks and changes nothing."""
