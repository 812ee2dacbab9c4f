"""Measures of a decoded picture against its original: our own in `structure` to `patches`, others' in `external`.

All take the decoded picture as it would be saved: uint8, cropped to the original's size.
"""
