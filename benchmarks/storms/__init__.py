"""Storms over real sockets: each ill-treats a served app under full load, and counts what is lost.

python -m benchmarks.storms            # all of them, a line for each
python -m benchmarks.storms.reloads    # one; --help tells its options
"""
