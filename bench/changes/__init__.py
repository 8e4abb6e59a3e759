"""How fast changes of Kubernetes objects are served: what `bench/propagation` measures with."""
