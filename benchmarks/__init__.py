"""Measurements that anyone can rerun. Each script says at its head what it shows."""
