"""The race: Clearway and its peers on the same work in one run. `bench/run` and `bench/profile` are its doors."""
