"""Going out: what connections to others have in common, whatever they are opened for."""
