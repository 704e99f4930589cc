"""A stand-in for WeChat, WeCom and an SMS gateway: the platforms' side, for demo, tests and load.

It knows nothing of the product. What it answers follows the platforms' documentation; where that is
silent, the docstring of the rule says "our assumption".
"""
