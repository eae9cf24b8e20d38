"""Reports: networks side by side on one page of HTML."""
