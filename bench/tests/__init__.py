"""Tests of the race; `bench/test` runs them."""
