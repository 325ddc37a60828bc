"""`brf-deploy report`: one self-contained HTML page about a deployed network."""

EXAMPLES = """\b
Examples:
  brf-deploy report net.nir --task digits --out report.html
  brf-deploy report ecg.nir --model ecg.safetensors --task ecg --data data --out report.html
"""
