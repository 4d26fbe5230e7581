"""What the benchmarks of overload and of fairness share: the apps, and how they are measured."""
