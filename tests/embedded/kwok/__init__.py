"""Tests of the embedded kwok."""
