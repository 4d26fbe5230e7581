"""The lifecycle, simulated: a random world around a real app, on a loop without a clock.

- `loop`: the event loop; `plan`: what is going to happen, drawn from a seed; `scene`: the app and
  the world that does it; `handlers`, `calls`, `changes`, `hosts`: who acts in it;
- `rules`: what must hold after every step and at the end, `stream_rules`: the same of streams;
- `runs`: one seed, many seeds, and the shortest plan that still fails;
- `mutations`: bugs that are planted to see that the rules find them.

Everything that happens follows from the seed and from which of its actions are kept.
"""
