"""Figures of the report: one function each, from content to themed inline SVG. Importing them imports matplotlib."""
