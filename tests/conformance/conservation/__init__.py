"""Conservation on the conformance suite's own traffic: its exchanges against the gateway's metrics, access log and spans.

`observe` gathers the evidence into a folder while the suite runs; `evidence` reads such a folder; `pairing` joins exchanges and lines,
`books` adds up lines, series and spans; `verdict` says what was found. Only `observe` touches anything outside the folder.
"""
