"""Requests that nobody would send by mistake: how they are made, and what must hold of each."""
